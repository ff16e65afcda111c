/* Functions with the names that compilers give to parts and copies of others. */
#define PART(name, symbol)                                                                         \
    int name(int x) __asm__(symbol);                                                               \
    __attribute__((noinline)) int name(int x) {                                                    \
        return x + __LINE__;                                                                       \
    }

PART(part, "fill.part.0")
PART(cold, "fill.isra.0.cold")
PART(copy, "fill.constprop.12")
PART(linked, "fill.lto_priv.3.llvm.4711")
PART(cxx, "_ZN4shop4fillEi.part.0.cold")
PART(d, "_D4shop4fillFiZi.constprop.0")
PART(dots, "main.coldstart")
PART(words, "main.part.of")

int main(int argc, char **argv) {
    (void)argv;
    return part(argc) + cold(argc) + copy(argc) + linked(argc) + cxx(argc) + d(argc) + dots(argc) +
           words(argc);
}
