# Forms of instructions that the C libraries of a machine may not contain.
start:
    loop start
    loope start
    loopne start
    jrcxz start
    jecxz start
    xbegin start
    xabort $3
    enter $16, $1
    leave
    ret $8
    lret
    lret $8
    iretq
    movabs $0x1122334455667788, %r11
    movabs 0x1122334455667788, %al
    movabs %rax, 0x1122334455667788
    addr32 movabs 0x11223344, %eax
    mov $0x1234, %ax
    mov $0x12345678, %eax
    movq $-5, (%rax)
    movw $5, 8(%rax,%rbx,4)
    movl $5, start(%rip)
    testb $1, start(%rip)
    testw $1, start(%rip)
    testl $1, start(%rip)
    testq $1, 0x12345678(%rax)
    notb start(%rip)
    negq start(%rip)
    testq %rax, 0x10
    cmpb $0, 0x10(,%rax,8)
    imul $1000, %rax, %rbx
    imulw $1000, %ax, %bx
    imul $10, start(%rip), %rbx
    push $1000
    pushw $1000
    push $1
    pop (%rax)
    pop 8(%rsp)
    call *start(%rip)
    jmp *start(%rip)
    jmp *(%rax,%rbx,8)
    call *%r11
    notrack jmp *%rax
    .byte 0xf2 # bnd, which assemblers of today refuse
    jmp start
    .byte 0xf2
    call start
    jo start
    jo,pn start
    jmp far_away
    jne far_away
    call far_away
    data16
    rex.W
    call far_away
    in $3, %al
    out %al, $3
    insb
    outsl
    int $3
    int3
    int $0x80
    hlt
    ud2
    ud1 start(%rip), %eax
    pause
    nop
    xchg %ax, %ax
    xchg %r8, %rax
    nopw 0(%rax,%rax,1)
    nopl start(%rip)
    endbr64
    fwait
    fldcw (%rsp)
    fstps start(%rip)
    xlat
    fs movb (%rax), %bl
    movq %fs:0, %rax
    movq %fs:start(%rip), %rax
    lock cmpxchg16b (%rdi)
    rep stosq
    repne scasb
    bswap %r9
    shld $3, %rax, %rbx
    shrd %cl, %rax, start(%rip)
    cmpxchg %al, start(%rip)
    xadd %rax, (%r12)
    movnti %rax, (%r13)
    cpuid
    syscall
    sysret
    rdtscp
    xgetbv
    vmcall
    emms
    pfadd (%rax), %mm0
    pfadd start(%rip), %mm0
    pshufw $1, start(%rip), %mm1
    cmpps $1, start(%rip), %xmm0
    pinsrw $1, start(%rip), %xmm0
    shufpd $1, 0x12345678(%rax), %xmm1
    psrlq $4, %xmm3
    crc32q start(%rip), %rax
    movbe %rax, start(%rip)
    pshufb start(%rip), %xmm9
    palignr $8, start(%rip), %xmm9
    aesenc %xmm1, %xmm2
    sha1rnds4 $1, start(%rip), %xmm1
    adcx start(%rip), %rax
    vzeroupper
    vzeroall
    vaddps start(%rip), %ymm1, %ymm12
    vpsrlq $4, %ymm3, %ymm4
    vpshufd $1, start(%rip), %ymm3
    vcmpps $1, start(%rip), %ymm0, %ymm1
    vpinsrw $1, start(%rip), %xmm0, %xmm1
    vpermq $3, start(%rip), %ymm1
    vfmadd213ps start(%rip), %ymm1, %ymm2
    vpgatherdd %ymm1, 0x12(%rax,%ymm2,4), %ymm3
    vblendvpd %ymm1, start(%rip), %ymm2, %ymm3
    andn start(%rip), %rax, %rbx
    rorx $3, start(%rip), %rax
    kmovq %k1, %rax
    kandq %k1, %k2, %k3
    kmovw start(%rip), %k1
    vpaddd start(%rip), %zmm17, %zmm18
    vpaddd 64(%rax), %zmm17, %zmm18{%k1}{z}
    vpternlogd $5, start(%rip){1to16}, %zmm17, %zmm18
    vpsrld $5, start(%rip), %zmm18
    vcvttps2uqq start(%rip), %zmm18
    vpcmpeqd start(%rip), %zmm1, %k1
    vscatterdps %zmm1, 8(%rax,%zmm2,4){%k1}
    vaddph start(%rip), %zmm1, %zmm2
    vfmadd213ph start(%rip), %zmm1, %zmm2
    vprotd $3, start(%rip), %xmm5
    vpcmov %xmm1, start(%rip), %xmm2, %xmm3
    vfrczps start(%rip), %xmm1
    lwpval $0x12345678, start(%rip), %eax
    bextr $0x12345678, start(%rip), %eax
    .skip 300, 0x90
far_away:
    ret
