"""What is known of each processor, by itself."""

import pytest

EM_X86_64 = 62
EM_386 = 3
EM_AARCH64 = 183
EM_RISCV = 243


@pytest.fixture
def ask(core_program):
    """Gives a function: questions -> answers."""
    facts = core_program("processor_facts")
    return lambda *questions: facts(text="\n".join(questions)).stdout.splitlines()


@pytest.mark.parametrize("name", ["x86_64", "i386:x86-64", "i386:x86-64:intel"])
def test_a_processor_is_found_by_the_names_that_debuggers_have_for_it(ask, name):
    assert ask(f"find {name}") == ["x86_64"]


def test_processors_that_are_not_known_are_not_found(ask):
    questions = ["find i386", "find riscv:rv32", "find aarch64:ilp32", f"machine {EM_386}"]
    assert ask(*questions) == ["none"] * 4


def test_a_processor_is_found_by_the_machine_of_an_elf_file(ask):
    machines = [EM_X86_64, EM_AARCH64, EM_RISCV]
    assert ask(*(f"machine {machine}" for machine in machines)) == ["x86_64", "aarch64", "riscv64"]


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


# riscv64, where debuggers name registers by what they are for.


def test_riscv64_is_found_by_the_names_that_debuggers_have_for_it(ask):
    assert ask("find riscv64", "find riscv:rv64") == ["riscv64"] * 2


def test_the_registers_of_riscv64_have_the_names_of_the_calling_convention(ask):
    temporaries, saved = "t0 t1 t2", " ".join(f"s{i}" for i in range(2, 12))
    arguments = " ".join(f"a{i}" for i in range(8))
    expected = f"zero ra sp gp tp {temporaries} fp s1 {arguments} {saved} t3 t4 t5 t6 sp=sp fp=fp"
    assert ask("registers riscv64") == [expected]
    assert ask("argument riscv64 10", "argument riscv64 15", "argument riscv64 1") == ["1", "6", "0"]
    assert ask("returns riscv64") == ["ra 0"]


@pytest.mark.parametrize(
    "call, target",
    [
        ("13 00 00 00 ef 00 40 00", "0x1000"),  # nop; jal ra, .+4
        ("13 00 00 00 ef f0 1f ff", "0xfec"),  # jal ra, .-16
        ("13 00 00 00 ef 00 10 00", "0x17fc"),  # jal ra, .+2048
        ("13 00 00 00 ef 10 00 00", "0x1ffc"),  # jal ra, .+4096
        ("97 00 00 00 e7 80 00 01", "0x1008"),  # auipc ra, 0; jalr ra, 16(ra)
        ("17 13 00 00 e7 00 03 ff", "0x1fe8"),  # auipc t1, 1; jalr ra, -16(t1)
        ("97 00 00 00 e7 00 03 01", "0x0"),  # jalr by another register
        ("13 00 00 00 6f 00 40 00", "0x0"),  # j .+4
    ],
)
def test_a_call_of_riscv64_is_one_instruction_or_two(ask, call, target):
    assert ask(f"call riscv64 {call}") == [target]
