"""What is known of each processor, by itself."""

import pytest

EM_X86_64 = 62
EM_386 = 3


@pytest.fixture
def ask(core_program):
    """Gives a function: questions -> answers."""
    facts = core_program("processor_facts")
    return lambda *questions: facts(text="\n".join(questions)).stdout.splitlines()


@pytest.mark.parametrize("name", ["x86_64", "i386:x86-64", "i386:x86-64:intel"])
def test_a_processor_is_found_by_the_names_that_debuggers_have_for_it(ask, name):
    assert ask(f"find {name}") == ["x86_64"]


def test_processors_that_are_not_supported_are_not_found(ask):
    assert ask("find i386", "find riscv64", f"machine {EM_386}") == ["none"] * 3


def test_a_processor_is_found_by_the_machine_of_an_elf_file(ask):
    assert ask(f"machine {EM_X86_64}") == ["x86_64"]


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
