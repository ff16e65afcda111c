// Joins words with operator+: every step builds new strings and copies all that came before.
#include <string>

static const int words = 60;

static std::string join() {
    std::string text;
    for (int i = 0; i < words; i++)
        text = text + "a rather long word, " + std::to_string(i) + "; ";
    return text;
}

int main() {
    return join().size() == 1430 ? 0 : 1;
}
