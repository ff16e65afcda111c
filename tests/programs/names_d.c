/* Functions with the names that compilers of D give: no such compiler is needed. */
int plain(int x) __asm__("_D4shop5priceFiZi");
int template(int x) __asm__("_D4shop__T5ShelfTiZ3putFiZv");
int entry(int x) __asm__("_Dmain");
int ordinary(int x) __asm__("_Dictionary");

__attribute__((noinline)) int plain(int x) {
    return x + 1;
}

__attribute__((noinline)) int template(int x) {
    return x + 2;
}

__attribute__((noinline)) int entry(int x) {
    return x + 3;
}

__attribute__((noinline)) int ordinary(int x) {
    return x + 4;
}

int main(int argc, char **argv) {
    (void)argv;
    return plain(argc) + template(argc) + entry(argc) + ordinary(argc);
}
