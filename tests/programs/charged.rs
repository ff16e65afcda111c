// Allocates by the standard library alone, whose code is in the program.

#[no_mangle]
#[inline(never)]
pub extern "C" fn case_begins() {
    std::hint::black_box(1);
}

#[no_mangle]
#[inline(never)]
pub extern "C" fn case_ends() {
    std::hint::black_box(2);
}

#[no_mangle]
#[inline(never)]
pub extern "C" fn join_words(rounds: usize) -> usize {
    let mut text = String::new();
    for _ in 0..rounds {
        text.push_str(std::hint::black_box("a word and another"));
    }
    std::hint::black_box(text).len()
}

#[no_mangle]
#[inline(never)]
pub extern "C" fn format_numbers(rounds: usize) -> usize {
    let mut length = 0;
    for i in 0..rounds {
        length += std::hint::black_box(format!("number {}", i)).len();
    }
    length
}

fn main() {
    case_begins();
    let sum = join_words(50) + format_numbers(5);
    case_ends();
    assert!(sum > 0);
}
