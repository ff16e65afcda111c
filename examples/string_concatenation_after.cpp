// Joins words by appending to one string that has room for them.
#include <string>

static const int words = 60;

static std::string join() {
    std::string text;
    text.reserve(words * 32);
    for (int i = 0; i < words; i++) {
        text += "a rather long word, ";
        text += std::to_string(i);
        text += "; ";
    }
    return text;
}

int main() {
    return join().size() == 1430 ? 0 : 1;
}
