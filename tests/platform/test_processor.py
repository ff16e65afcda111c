"""What is known of each processor, by itself."""

import pytest

EM_X86_64 = 62
EM_386 = 3
EM_AARCH64 = 183


@pytest.fixture
def ask(core_program):
    """Gives a function: questions -> answers."""
    facts = core_program("processor_facts")
    return lambda *questions: facts(text="\n".join(questions)).stdout.splitlines()


@pytest.mark.parametrize("name", ["x86_64", "i386:x86-64", "i386:x86-64:intel"])
def test_a_processor_is_found_by_the_names_that_debuggers_have_for_it(ask, name):
    assert ask(f"find {name}") == ["x86_64"]


def test_processors_that_are_not_known_are_not_found(ask):
    questions = ["find i386", "find riscv64", "find aarch64:ilp32", f"machine {EM_386}"]
    assert ask(*questions) == ["none"] * 4


def test_a_processor_is_found_by_the_machine_of_an_elf_file(ask):
    assert ask(f"machine {EM_X86_64}", f"machine {EM_AARCH64}") == ["x86_64", "aarch64"]


def test_arguments_are_told_by_the_numbers_of_call_frame_information(ask):
    numbers = [5, 4, 1, 2, 8, 9, 0, 7, 16, 10**6]
    answers = ask(*(f"argument x86_64 {number}" for number in numbers))
    assert answers == ["1", "2", "3", "4", "5", "6", "0", "0", "0", "0"]


def test_the_registers_of_call_frame_information_are_in_its_order(ask):
    assert ask("registers x86_64") == [
        "rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 sp=rsp fp=rbp"
    ]


def test_a_direct_call_tells_where_it_goes(ask):
    assert ask("call x86_64 e8 10 00 00 00", "call x86_64 e8 f0 ff ff ff") == ["0x1010", "0xff0"]
    assert ask("call x86_64 ff 15 10 00 00") == ["0x0"]


def test_a_return_takes_its_address_from_where_it_is(ask):
    assert ask("returns x86_64") == ["stack 8"]


def test_a_stub_ends_with_where_it_leads_to(ask):
    assert ask("stub x86_64 0x1122334455667788") == ["ff25020000000000" + "8877665544332211"]


# aarch64, where return addresses are in a register.


def test_arguments_of_aarch64_are_in_its_first_registers(ask):
    answers = ask(*(f"argument aarch64 {number}" for number in [0, 1, 5, 6, 30, 31, 32]))
    assert answers == ["1", "2", "6", "0", "0", "0", "0"]


def test_the_registers_of_aarch64_are_numbered_with_the_stack_pointer_last(ask):
    names = " ".join(f"x{i}" for i in range(31))
    assert ask("registers aarch64") == [f"{names} sp sp=sp fp=x29"]


def test_a_call_of_aarch64_counts_instructions_from_itself(ask):
    questions = ["call aarch64 04 00 00 94", "call aarch64 ff ff ff 97", "call aarch64 04 00 00 14"]
    assert ask(*questions) == ["0x100c", "0xff8", "0x0"]


def test_a_return_of_aarch64_takes_nothing_off_the_stack(ask):
    assert ask("returns aarch64") == ["x30 0"]


def test_a_stub_of_aarch64_loads_where_it_leads_to(ask):
    assert ask("stub aarch64 0x1122334455667788") == ["50000058" + "00021fd6" + "8877665544332211"]
