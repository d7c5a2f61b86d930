//! Commands with a terminal.

use std::fs::File;
use std::io::{Read, Write};

use daruma_sandbox::{Child, Launcher, Outcome, Spec, Stdio, WindowSize};

use crate::world::World;

fn start(spec: &mut Spec) -> (Child, File) {
    spec.terminal = Some(WindowSize {
        rows: 12,
        columns: 34,
    });
    let mut child = Launcher::default()
        .spawn(spec, [Stdio::Null; 3])
        .expect("started");
    let terminal = File::from(child.take_terminal().expect("a terminal"));
    (child, terminal)
}

/// All output, which ends with an error when the other end is gone.
fn read_all(terminal: &mut File) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = terminal.read(&mut buffer) {
        text.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8_lossy(&text).replace('\r', "")
}

fn read_until(terminal: &mut File, end: &str) -> String {
    let mut text = String::new();
    let mut byte = [0];
    while !text.ends_with(end) {
        terminal.read_exact(&mut byte).expect("read");
        text.push(char::from(byte[0]));
    }
    text
}

#[test]
fn the_terminal_has_a_name_a_size_and_an_owner() {
    for user in [(0, 0), (1000, 1000)] {
        let world = World::new();
        let mut spec =
            world.spec("tty; stty size; test -O $(tty) && echo mine; echo hello > /dev/tty");
        spec.user = user;
        let (mut child, mut terminal) = start(&mut spec);
        assert_eq!(
            read_all(&mut terminal),
            "/dev/pts/0\n12 34\nmine\nhello\n",
            "{user:?}"
        );
        assert_eq!(child.wait().expect("waited"), Outcome::Exited(0));
    }
}

#[test]
fn keys_signals_and_sizes_pass() {
    let world = World::new();
    let mut spec = world.spec("read line; echo got $line; trap 'stty size' WINCH; echo ready; while :; do sleep 0.02; done");
    let (mut child, mut terminal) = start(&mut spec);
    terminal.write_all(b"word\r").expect("typed");
    read_until(&mut terminal, "got word\r\nready\r\n");
    let size = rustix::termios::Winsize {
        ws_row: 56,
        ws_col: 78,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    rustix::termios::tcsetwinsize(&terminal, size).expect("resized");
    read_until(&mut terminal, "56 78\r\n");
    terminal.write_all(b"\x03").expect("typed");
    read_all(&mut terminal);
    assert_eq!(child.wait().expect("waited"), Outcome::Signalled(2));
}

#[test]
fn a_terminal_that_is_let_go_hangs_up() {
    let world = World::new();
    let (mut child, terminal) = start(&mut world.spec("sleep 1000"));
    drop(terminal);
    assert_eq!(child.wait().expect("waited"), Outcome::Signalled(1));
}
