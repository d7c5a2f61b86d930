//! The filter of system calls: those with which a command could reach past its namespaces are refused.

mod assemble;
mod calls;

use assemble::{Assembler, Verdict};

/// Namespaces that `clone(2)` may ask for in its flags (`CLONE_NEW*` but time's, which is part of the signal number there).
const NAMESPACES: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET)
    .cast_unsigned();

/// Sockets to the machine that this one is a guest of (vsock(7)), which no network namespace holds back.
const AF_VSOCK: u32 = libc::AF_VSOCK.cast_unsigned();

/// Put input into a terminal, as if somebody had typed it (ioctl_tty(2)).
const TYPING: [u32; 2] = [0x5412, 0x541c];

/// The filter's program. With `pretend`, calls that change owners succeed without doing anything.
pub(crate) fn program(pretend: bool) -> Vec<libc::sock_filter> {
    let mut program = Assembler::for_this_architecture();
    program.unknown_from(calls::FIRST_UNKNOWN);
    for &call in calls::ABSENT {
        program.answer(call, Verdict::Error(libc::ENOSYS));
    }
    for &call in calls::REFUSED {
        program.answer(call, Verdict::Error(libc::EPERM));
    }
    program.answer_bits(libc::SYS_clone, 0, NAMESPACES, libc::EPERM);
    program.answer_value(libc::SYS_socket, 0, AF_VSOCK, libc::EPERM);
    for request in TYPING {
        program.answer_value(libc::SYS_ioctl, 1, request, libc::EPERM);
    }
    if pretend {
        for &call in calls::OWNERS {
            program.answer(call, Verdict::Success);
        }
    }
    program.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn low(argument: u64) -> u32 {
        u32::try_from(argument & 0xffff_ffff).expect("masked")
    }

    /// Runs the filter as the kernel would, on the instructions that it uses.
    fn verdict(program: &[libc::sock_filter], call: libc::c_long, args: [u64; 2]) -> u32 {
        let data = |offset: u32| -> u32 {
            match offset {
                0 => u32::try_from(call).expect("a call number"),
                4 => assemble::ARCHITECTURE,
                16 => low(args[0]),
                24 => low(args[1]),
                other => panic!("unexpected offset {other}"),
            }
        };
        let (mut at, mut accumulator) = (0usize, 0u32);
        loop {
            let instruction = program[at];
            at += 1;
            let holds = match instruction.code {
                0x20 => {
                    accumulator = data(instruction.k);
                    continue;
                }
                0x06 => return instruction.k,
                0x15 => accumulator == instruction.k,
                0x35 => accumulator >= instruction.k,
                0x45 => accumulator & instruction.k != 0,
                code => panic!("unexpected instruction {code:#x}"),
            };
            at += usize::from(if holds {
                instruction.jt
            } else {
                instruction.jf
            });
        }
    }

    #[test]
    fn each_call_gets_its_answer() {
        const ALLOW: u32 = 0x7fff_0000;
        let error = |number: i32| 0x0005_0000 | number.unsigned_abs();
        let user = u64::from(libc::CLONE_NEWUSER.unsigned_abs());
        let fork = u64::from(libc::SIGCHLD.unsigned_abs());
        let rows = [
            (libc::SYS_read, [0, 0], ALLOW),
            (libc::SYS_execve, [0, 0], ALLOW),
            (libc::SYS_mount, [0, 0], error(libc::EPERM)),
            (libc::SYS_bpf, [0, 0], error(libc::EPERM)),
            (libc::SYS_clone3, [0, 0], error(libc::ENOSYS)),
            (libc::SYS_io_uring_setup, [0, 0], error(libc::ENOSYS)),
            (libc::SYS_clone, [fork, 0], ALLOW),
            (libc::SYS_clone, [fork | user, 0], error(libc::EPERM)),
            (libc::SYS_socket, [40, 0], error(libc::EPERM)),
            (libc::SYS_socket, [2, 0], ALLOW),
            (libc::SYS_ioctl, [0, 0x5412], error(libc::EPERM)),
            (libc::SYS_ioctl, [0, 0x5401], ALLOW),
            (calls::FIRST_UNKNOWN, [0, 0], error(libc::ENOSYS)),
            (libc::SYS_fchownat, [0, 0], ALLOW),
        ];
        let program = program(false);
        for (call, args, wanted) in rows {
            assert_eq!(
                verdict(&program, call, args),
                wanted,
                "call {call} {args:x?}"
            );
        }
    }

    #[test]
    fn pretended_ownership_answers_with_success_and_refusals_stay() {
        let program = program(true);
        assert_eq!(verdict(&program, libc::SYS_fchownat, [0, 0]), 0x0005_0000);
        let refused = 0x0005_0000 | libc::EPERM.unsigned_abs();
        assert_eq!(verdict(&program, libc::SYS_mount, [0, 0]), refused);
    }
}
