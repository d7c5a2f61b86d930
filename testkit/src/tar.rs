//! A tar writer that refuses nothing: what it is told, it writes, hostile or not.

/// One member, as it will stand in the header.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name, as written; longer than 100 bytes makes a GNU long-name member before it.
    pub name: String,
    /// ustar type: `0` file, `1` hard link, `2` symbolic link, `3` character device, `4` block device, `5` directory, `6` fifo.
    pub kind: u8,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970.
    pub mtime: u64,
    /// Target of a link.
    pub link: String,
    /// Major and minor number of a device.
    pub device: (u32, u32),
    /// Content of a file.
    pub data: Vec<u8>,
}

impl Member {
    /// A member owned by root, of no content.
    pub fn new(kind: u8, name: &str, mode: u32) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            mode,
            uid: 0,
            gid: 0,
            mtime: 1_700_000_000,
            link: String::new(),
            device: (0, 0),
            data: Vec::new(),
        }
    }
}

/// The members in their order, with the two closing blocks.
pub fn write(members: &[Member]) -> Vec<u8> {
    let mut out = Vec::new();
    for member in members {
        long(&mut out, b'K', &member.link);
        long(&mut out, b'L', &member.name);
        push(&mut out, member);
    }
    out.resize(out.len() + 1024, 0);
    out
}

fn long(out: &mut Vec<u8>, kind: u8, text: &str) {
    if text.len() > 100 {
        let mut member = Member::new(kind, "././@LongLink", 0);
        member.data = text.as_bytes().to_vec();
        member.data.push(0);
        push(out, &member);
    }
}

fn push(out: &mut Vec<u8>, member: &Member) {
    let mut head = [0_u8; 512];
    text(&mut head[0..100], &member.name);
    octal(&mut head[100..108], u64::from(member.mode));
    octal(&mut head[108..116], u64::from(member.uid));
    octal(&mut head[116..124], u64::from(member.gid));
    octal(&mut head[124..136], member.data.len() as u64);
    octal(&mut head[136..148], member.mtime);
    head[148..156].fill(b' ');
    head[156] = member.kind;
    text(&mut head[157..257], &member.link);
    head[257..265].copy_from_slice(b"ustar  \0");
    text(&mut head[265..297], "root");
    text(&mut head[297..329], "root");
    octal(&mut head[329..337], u64::from(member.device.0));
    octal(&mut head[337..345], u64::from(member.device.1));
    let sum: u64 = head.iter().map(|b| u64::from(*b)).sum();
    octal(&mut head[148..155], sum);
    out.extend_from_slice(&head);
    out.extend_from_slice(&member.data);
    out.resize(out.len().next_multiple_of(512), 0);
}

fn text(field: &mut [u8], value: &str) {
    let length = value.len().min(field.len());
    field[..length].copy_from_slice(&value.as_bytes()[..length]);
}

fn octal(field: &mut [u8], value: u64) {
    let width = field.len() - 1;
    text(field, &format!("{value:0width$o}\0"));
}
