// Names with scopes: templates, namespaces, members, operators, lambdas.
#include <string>
#include <vector>

#define NOINLINE __attribute__((noinline))

volatile int sink;

namespace shop {
template <typename T, int N> struct Shelf {
    T items[N];
    NOINLINE void put(T item) {
        items[0] = item;
        sink = N;
    }
    NOINLINE bool operator==(const Shelf &other) const {
        sink = 2;
        return items[0] == other.items[0];
    }
};

namespace {
NOINLINE int hidden_helper(int value) {
    sink = value;
    return value + 1;
}
} // namespace

NOINLINE int price(int value) {
    return hidden_helper(value) + 1;
}

NOINLINE int price(double value) {
    sink = 3;
    return (int)value;
}

struct Till {
    NOINLINE static int count(const std::vector<int> &coins) {
        auto add = [](int one, int other) __attribute__((noinline)) {
            sink = one;
            return one + other;
        };
        int total = 0;
        for (int coin : coins)
            total = add(total, coin);
        return total;
    }
};
} // namespace shop

int main(int argc, char **) {
    shop::Shelf<int, 4> shelf;
    shelf.put(argc);
    std::vector<int> coins(argc, 3);
    return shop::price(argc) + shop::price(1.5) + shop::Till::count(coins) + (shelf == shelf);
}
