// A vector that grows step by step, and one that has its size from the beginning.
#[inline(never)]
fn push_all(count: u64) -> usize {
    let mut numbers = Vec::new();
    for i in 0..count {
        numbers.push(std::hint::black_box(i));
    }
    numbers.len()
}

#[inline(never)]
fn push_into_room(count: u64) -> usize {
    let mut numbers = Vec::with_capacity(count as usize);
    for i in 0..count {
        numbers.push(std::hint::black_box(i));
    }
    numbers.len()
}

fn main() {
    assert_eq!(push_all(1000), push_into_room(1000));
}
