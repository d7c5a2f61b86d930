//! Classic BPF over `struct seccomp_data` (seccomp(2)).

use libc::sock_filter;

/// `AUDIT_ARCH_*` of linux/audit.h.
#[cfg(target_arch = "x86_64")]
pub(super) const ARCHITECTURE: u32 = 0xc000_003e;
/// `AUDIT_ARCH_*` of linux/audit.h.
#[cfg(target_arch = "aarch64")]
pub(super) const ARCHITECTURE: u32 = 0xc000_00b7;

/// Offsets in `struct seccomp_data`; arguments are 64 bits wide, and their low half comes first on these machines.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const ARGUMENTS: u32 = 16;

/// `SECCOMP_RET_*`.
const ALLOW: u32 = 0x7fff_0000;
const ERROR: u32 = 0x0005_0000;

/// Instruction codes of linux/bpf_common.h: load a word, jump if equal, if at least, if any bit is set, return.
const LOAD: u16 = 0x20;
const IF_EQUAL: u16 = 0x15;
const IF_AT_LEAST: u16 = 0x35;
const IF_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

/// How a call is answered without being made.
#[derive(Clone, Copy)]
pub(super) enum Verdict {
    /// It fails with this `errno(3)`.
    Error(i32),
    /// It returns 0.
    Success,
}

impl Verdict {
    fn word(self) -> u32 {
        match self {
            Self::Error(number) => ERROR | number.unsigned_abs(),
            Self::Success => ERROR,
        }
    }
}

/// A filter in the making. Each rule is a chunk that begins and ends with the call's number in the accumulator.
pub(super) struct Assembler {
    code: Vec<sock_filter>,
}

impl Assembler {
    /// A filter that refuses the calls of other architectures, whose numbers differ.
    pub(super) fn for_this_architecture() -> Self {
        let mut this = Self { code: Vec::new() };
        this.put(LOAD, ARCH, 0, 0);
        this.put(IF_EQUAL, ARCHITECTURE, 1, 0);
        this.put(RETURN, Verdict::Error(libc::ENOSYS).word(), 0, 0);
        this.put(LOAD, NUMBER, 0, 0);
        this
    }

    /// Calls from this number on are unknown to the kernel, as far as the command can tell.
    pub(super) fn unknown_from(&mut self, first: libc::c_long) {
        self.put(IF_AT_LEAST, word(first), 0, 1);
        self.put(RETURN, Verdict::Error(libc::ENOSYS).word(), 0, 0);
    }

    /// Answers a call whatever its arguments.
    pub(super) fn answer(&mut self, call: libc::c_long, verdict: Verdict) {
        self.put(IF_EQUAL, word(call), 0, 1);
        self.put(RETURN, verdict.word(), 0, 0);
    }

    /// Fails a call that has any of these bits in an argument.
    pub(super) fn answer_bits(&mut self, call: libc::c_long, argument: u32, bits: u32, errno: i32) {
        self.answer_if(call, argument, IF_ANY_BIT, bits, errno);
    }

    /// Fails a call that has this value in the low half of an argument.
    pub(super) fn answer_value(
        &mut self,
        call: libc::c_long,
        argument: u32,
        value: u32,
        errno: i32,
    ) {
        self.answer_if(call, argument, IF_EQUAL, value, errno);
    }

    fn answer_if(
        &mut self,
        call: libc::c_long,
        argument: u32,
        test: u16,
        operand: u32,
        errno: i32,
    ) {
        self.put(IF_EQUAL, word(call), 0, 4);
        self.put(LOAD, ARGUMENTS + 8 * argument, 0, 0);
        self.put(test, operand, 0, 1);
        self.put(RETURN, Verdict::Error(errno).word(), 0, 0);
        self.put(LOAD, NUMBER, 0, 0);
    }

    /// All other calls are allowed.
    pub(super) fn finish(mut self) -> Vec<sock_filter> {
        self.put(RETURN, ALLOW, 0, 0);
        self.code
    }

    fn put(&mut self, code: u16, k: u32, jt: u8, jf: u8) {
        self.code.push(sock_filter { code, jt, jf, k });
    }
}

/// Call numbers are small; one that is not could never match.
fn word(call: libc::c_long) -> u32 {
    u32::try_from(call).unwrap_or(u32::MAX)
}
