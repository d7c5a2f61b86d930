//! Whatever ends an app, nothing of it is left two seconds later.

use std::fs::File;
use std::os::fd::OwnedFd;

use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::bench::{World, skipped};
use crate::running::{Family, READY, Running, assert_gone_soon, free_port, get, leftovers};

#[test]
fn whatever_ends_an_app_nothing_is_left_of_it() {
    let world = match World::warm() {
        Ok(world) => world,
        Err(why) => return skipped(&why),
    };
    let rows: [(&str, End, i32); 4] = [
        ("SIGTERM", |_, app| app.signal(Signal::TERM), 143),
        ("SIGINT", |_, app| app.signal(Signal::INT), 130),
        (
            "daruma stop",
            |world, _| drop(world.run(&["stop"]).ok()),
            143,
        ),
        ("kill -9", |_, app| app.signal(Signal::KILL), -1),
    ];
    for (what, end, code) in rows {
        let mut app = Running::start(&world);
        let family = Family::of(app.pid());
        // daruma, and for each process its sandbox's launcher and init, the program itself.
        assert!(family.len() >= 4, "{what}: {} processes", family.len());
        end(&world, &app);
        assert_eq!(app.code(), code, "{what}: {}", app.log());
        assert_gone_soon(&family, &world.home);
        let left = leftovers(&world.home);
        assert!(code == -1 || left.is_empty(), "{what}: {left:?}");
        assert_eq!(world.run(&["ps"]).ok(), "", "{what}");
    }
    // What a killed daruma could not remove, the next one does.
    world.run(&["exec", "--", "true"]).ok();
    assert_eq!(leftovers(&world.home), Vec::<String>::new());
}

#[test]
fn puma_ends_by_itself_when_it_is_told_to() {
    let world = match World::warm() {
        Ok(world) => world,
        Err(why) => return skipped(&why),
    };
    let mut app = Running::start(&world);
    app.signal(Signal::TERM);
    app.code();
    assert!(app.log().contains("Gracefully stopping"), "{}", app.log());
}

#[test]
fn control_c_in_a_terminal_ends_everything() {
    let world = match World::warm() {
        Ok(world) => world,
        Err(why) => return skipped(&why),
    };
    let port = free_port();
    let terminal = Terminal::open();
    let mut command = world.command(&["start", "-p", &port.to_string()]);
    terminal.give_to(&mut command);
    let child = command.spawn().expect("started");
    drop(command);
    let mut app = Running::watch(child, port, terminal.output(), READY);
    assert!(get(port, "/").contains("200 OK"));
    let family = Family::of(app.pid());
    terminal.press_control_c();
    assert_eq!(app.code(), 130, "{}", app.log());
    assert_gone_soon(&family, &world.home);
    assert_eq!(leftovers(&world.home), Vec::<String>::new());
}

/// A way to end a running app.
type End = fn(&World, &Running);

/// A pseudo-terminal, both ends.
struct Terminal {
    user: OwnedFd,
    program: OwnedFd,
}

impl Terminal {
    fn open() -> Self {
        let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
            .expect("a terminal");
        grantpt(&user).expect("granted");
        unlockpt(&user).expect("unlocked");
        let name = ptsname(&user, Vec::new()).expect("a name");
        let name = name.to_str().expect("UTF-8").to_owned();
        let program = File::options()
            .read(true)
            .write(true)
            .open(name)
            .expect("opened")
            .into();
        Self { user, program }
    }

    /// `setsid --ctty` makes it the controlling terminal, so that Control-C reaches the whole group.
    fn give_to(&self, command: &mut std::process::Command) {
        let end = || self.program.try_clone().expect("a descriptor");
        let program = command.get_program().to_owned();
        let mut inner = std::process::Command::new("setsid");
        inner.env_clear();
        inner.arg("--ctty").arg(program).args(command.get_args());
        for (name, value) in command.get_envs() {
            inner.env(name, value.unwrap_or_default());
        }
        inner
            .env("TERM", "dumb")
            .current_dir(command.get_current_dir().expect("a directory"));
        inner.stdin(end()).stdout(end()).stderr(end());
        *command = inner;
    }

    fn output(&self) -> File {
        File::from(self.user.try_clone().expect("a descriptor"))
    }

    fn press_control_c(&self) {
        rustix::io::write(&self.user, b"\x03").expect("pressed");
    }
}
