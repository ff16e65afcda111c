// Allocates by the standard library alone, of which some code is in the program and some is not.
#include <stdio.h>
#include <string.h>
#include <string>
#include <vector>

#define APART __attribute__((noinline, noclone))

// C linkage: the names are alike with debug information and without.
extern "C" {

APART void case_begins() {
    __asm__ volatile("");
}
APART void case_ends() {
    __asm__ volatile("");
}

APART size_t join_words(int rounds) {
    std::string text;
    for (int i = 0; i < rounds; i++)
        text.append("a word that is longer than what a string holds in itself");
    return text.size();
}

APART size_t collect_numbers(int rounds) {
    std::vector<int> numbers;
    for (int i = 0; i < rounds; i++)
        numbers.push_back(i);
    return numbers.size();
}

APART size_t copy_name(int rounds) {
    size_t length = 0;
    for (int i = 0; i < rounds; i++) {
        char *name = strdup("a name");
        length += strlen(name);
        free(name);
    }
    return length;
}
}

int main() {
    case_begins();
    size_t sum = join_words(50) + collect_numbers(50) + copy_name(5);
    case_ends();
    return sum == 0;
}
