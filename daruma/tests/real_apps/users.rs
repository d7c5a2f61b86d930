//! An ordinary user, with subordinate ids and without, does all that root does.

use std::path::Path;
use std::process::Command;

use crate::bench::{DARUMA, Said, Skip, World, bare, is_root, need, output, skipped};
use crate::running::{Family, Running, assert_gone_soon, free_port, leftovers};

/// An id that no user of the machine has.
const UID: &str = "42425";

/// What runs before the program: the files of users are replaced in a mount namespace only.
const BECOME: &str =
    "set -e; for f in subuid subgid; do touch /etc/$f; mount --bind \"$D/subids\" /etc/$f; done
    mount --bind \"$D/passwd\" /etc/passwd
    exec setpriv --reuid $U --regid $U --clear-groups \"$@\"";

/// A world whose files belong to an ordinary user.
struct User {
    world: World,
}

impl User {
    fn new(subids: &str) -> Result<Self, Skip> {
        if !is_root() {
            return Err("only root can become another user".to_owned());
        }
        need(&["unshare", "setpriv", "newuidmap"])?;
        let world = World::warm()?;
        let dir = world.dir.path();
        let passwd = std::fs::read_to_string("/etc/passwd").expect("users");
        let passwd = format!("{passwd}daruma-test:x:{UID}:{UID}::/:/bin/sh\n");
        std::fs::write(dir.join("passwd"), passwd).expect("written");
        std::fs::write(dir.join("subids"), subids).expect("written");
        for path in [&world.app, &world.home] {
            let owner = format!("{UID}:{UID}");
            output(Command::new("chown").args(["-R", &owner]).arg(path))?;
        }
        Ok(Self { world })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare(Path::new("/usr/bin/unshare"), &self.world.home);
        command
            .args(["--mount", "sh", "-c", BECOME, "sh", DARUMA])
            .args(arguments);
        command
            .env("D", self.world.dir.path())
            .env("U", UID)
            .current_dir(&self.world.app);
        command
    }

    fn run(&self, arguments: &[&str]) -> Said {
        Said::of(&self.command(arguments).output().expect("run"))
    }
}

fn all_works(subids: &str) {
    let user = match User::new(subids) {
        Ok(user) => user,
        Err(why) => return skipped(&why),
    };
    user.run(&["build"]).ok();
    let port = free_port();
    let mut web = Running::spawn(&mut user.command(&["start", "-p", &port.to_string()]), port);
    assert!(web.get("/").contains("<h1>The doll stays standing</h1>"));
    let script = "id; touch /app/made; stat -c %u:%g /app/made /app";
    let said = user.run(&["exec", "--", "sh", "-c", script]).ok();
    assert_eq!(
        said,
        "uid=1000(app) gid=1000(app) groups=1000(app)\n1000:1000\n1000:1000\n"
    );
    assert!(user.run(&["ps"]).ok().contains("  web  PORT="));
    let family = Family::of(web.pid());
    user.run(&["stop"]).ok();
    assert_eq!(web.code(), 143, "{}", web.log());
    assert!(web.log().contains("Gracefully stopping"), "{}", web.log());
    assert_gone_soon(&family, &user.world.home);
    assert_eq!(leftovers(&user.world.home), Vec::<String>::new());
    user.run(&["gc"]).ok();
    let mut find = Command::new("find");
    find.args([&user.world.home, &user.world.app])
        .args(["!", "-uid", UID]);
    let foreign = output(&mut find).expect("find");
    assert_eq!(foreign, "", "its user can remove everything");
}

#[test]
fn all_works_for_a_user_without_subordinate_ids() {
    all_works("");
}

#[test]
fn all_works_for_a_user_with_subordinate_ids() {
    all_works("daruma-test:2000000:65536\n");
}
