// Names as rustc makes them.
mod shop {
    pub struct Shelf<T> {
        pub items: Vec<T>,
    }

    impl<T> Shelf<T> {
        #[inline(never)]
        pub fn put(&mut self, item: T) {
            self.items.push(item);
        }
    }

    #[inline(never)]
    pub fn price(value: usize) -> usize {
        std::hint::black_box(value) + 1
    }
}

fn main() {
    let mut shelf = shop::Shelf { items: Vec::new() };
    shelf.put(shop::price(std::env::args().count()));
    std::hint::black_box(&shelf.items);
}
