//! Each example from an empty cache to its page, and every command that looks at it.

use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use crate::bench::{Scratch, Skip, World, is_root, need, output, skipped};
use crate::running::{Running, free_port};

/// What an example is to show.
struct Example {
    name: &'static str,
    /// On its page.
    page: &'static str,
    /// Its processes.
    processes: &'static [&'static str],
}

const SHELL: Example = Example {
    name: "shell-http",
    page: "daruma answers GET / from a shell script",
    processes: &["web"],
};
const STATIC: Example = Example {
    name: "static",
    page: "<h1>Files, served as they are</h1>",
    processes: &["web"],
};
const RACK: Example = Example {
    name: "rack-debian",
    page: "<h1>The doll stays standing</h1>",
    processes: &["web", "cli"],
};

#[test]
fn a_shell_script_answers() {
    let Some(world) = cold(&SHELL) else { return };
    let web = check(&world, &SHELL);
    assert!(web.get("/some/path").contains("answers GET /some/path"));
}

#[test]
fn static_files_are_served_with_their_types() {
    let Some(world) = cold(&STATIC) else { return };
    let web = check(&world, &STATIC);
    let style = web.get("/style.css").to_lowercase();
    assert!(style.contains("content-type: text/css"), "{style}");
    assert!(style.contains("font-family"), "{style}");
}

#[test]
fn a_rack_app_answers_and_its_other_process_runs() {
    let Some(world) = cold(&RACK) else { return };
    let web = check(&world, &RACK);
    assert!(
        web.get("/").contains("no DATABASE_URL is set"),
        "{}",
        web.get("/")
    );
    assert!(web.get("/health").ends_with("{\"status\":\"ok\"}"));
    let hello = world
        .run(&["exec", "--process", "cli", "--", "ruby", "scripts/hello"])
        .ok();
    assert!(hello.starts_with("hello from ruby 3."), "{hello}");
}

fn cold(example: &Example) -> Option<World> {
    World::cold(example.name).map_err(|why| skipped(&why)).ok()
}

/// Builds and starts an example, and asks every command about it.
fn check(world: &World, example: &Example) -> Running {
    let built = world.run(&["build"]).ok();
    let names: Vec<&str> = built
        .lines()
        .filter_map(|line| line.split("  ").next())
        .collect();
    let expected = example.processes.iter().map(|process| match *process {
        "web" => example.name.to_owned(),
        other => format!("{}-{other}", example.name),
    });
    assert_eq!(names, expected.collect::<Vec<_>>());
    assert!(world.app.join("daruma.lock").is_file());

    let web = Running::start(world);
    let page = web.get("/");
    assert!(page.starts_with("HTTP/1.1 200 OK"), "{page}");
    assert!(page.contains(example.page), "{page}");

    let ps = world.run(&["ps"]).ok();
    for process in example.processes {
        assert!(ps.contains(&format!("  {process}  PORT=")), "{ps}");
    }
    assert!(ps.contains(&format!("PORT={}", web.port)), "{ps}");
    check_commands(world);
    web
}

fn check_commands(world: &World) {
    let who = world.run(&["exec", "--", "id"]).ok();
    assert_eq!(who, "uid=1000(app) gid=1000(app) groups=1000(app)\n");
    let wrote = world.run(&[
        "exec",
        "--",
        "sh",
        "-c",
        "touch /app/made && stat -c %u:%g /app/made && exit 3",
    ]);
    assert_eq!(
        (wrote.out.as_str(), wrote.code),
        ("1000:1000\n", 3),
        "{}",
        wrote.err
    );
    let gone = world.run(&["exec", "--", "ls", "/app/made"]);
    assert_eq!(
        gone.code, 2,
        "what a one-off command writes goes with it: {}",
        gone.out
    );
    let why = world.run(&["why"]).ok();
    assert_eq!(why.matches("nothing to do").count(), 3, "{why}");
    let images = world.run(&["images"]).ok();
    for role in ["runner", "compiled", "app-web"] {
        assert!(images.contains(&format!("  {role} ")), "{images}");
    }
    let inspect = world.run(&["inspect", "runner"]).ok();
    assert!(inspect.contains("package     libc6 2."), "{inspect}");
}

#[test]
fn a_second_build_does_nothing_and_a_procfile_costs_step_4_alone() {
    let world = match World::warm() {
        Ok(world) => world,
        Err(why) => return skipped(&why),
    };
    let first = world.run(&["build"]);
    assert_eq!(done(&first.err), ["2", "3", "4"], "{}", first.err);
    let second = world.run(&["build"]);
    assert_eq!((done(&second.err), &second.out), (vec![], &first.out));

    touch(&world.app);
    assert_eq!(
        done(&world.run(&["build"]).err),
        Vec::<&str>::new(),
        "a touched file is the same file"
    );

    let procfile = world.app.join("Procfile");
    let text = std::fs::read_to_string(&procfile).expect("Procfile");
    std::fs::write(&procfile, text + "console: irb\n").expect("written");
    let why = world.run(&["why", "4"]).ok();
    assert!(why.contains("to do: ") && why.contains("console"), "{why}");
    assert!(world.run(&["why", "3"]).ok().contains("nothing to do"));
    let third = world.run(&["build"]);
    assert_eq!(done(&third.err), ["4"], "{}", third.err);
    assert!(
        third.out.contains("rack-debian-console  sha256:"),
        "{}",
        third.out
    );
}

/// The steps that a build has done.
fn done(log: &str) -> Vec<&str> {
    let step = |line: &'_ str| line.contains(" done in ").then_some(());
    let lines = log.lines().filter(|line| step(line).is_some());
    lines
        .filter_map(|line| line.strip_prefix("step ")?.split(' ').next())
        .collect()
}

fn touch(app: &Path) {
    let script = "find . -type f -exec touch {} +";
    output(Command::new("sh").args(["-c", script]).current_dir(app)).expect("touched");
}

#[test]
fn the_page_shows_what_the_database_of_dotenv_says() {
    let world = match World::warm().and_then(|world| Ok((world, Postgres::start()?))) {
        Ok(world) => world,
        Err(why) => return skipped(&why),
    };
    let (world, database) = world;
    let line = format!("DATABASE_URL={}\n", database.url());
    std::fs::write(world.app.join(".env"), line).expect("written");
    let mut web = Running::start(&world);
    let page = web.get("/");
    assert!(page.contains("hello from PostgreSQL"), "{page}");
    assert!(!web.log().contains(Postgres::PASSWORD), "{}", web.log());
    web.signal(Signal::TERM);
    assert_eq!(web.code(), 143);
    let blobs = Command::new("grep")
        .args(["-rlF", Postgres::PASSWORD])
        .arg(&world.home)
        .output();
    assert_eq!(blobs.expect("grep").stdout, b"", "a secret is in the home");
}

/// A PostgreSQL server of its own, on a free port of the loopback.
struct Postgres {
    bin: String,
    port: u16,
    dir: Scratch,
}

impl Postgres {
    const PASSWORD: &'static str = "Kokeshi-7-blocks";

    fn start() -> Result<Self, Skip> {
        need(&["setpriv"])?;
        if !is_root() {
            return Err("it needs root".to_owned());
        }
        let versions = output(Command::new("sh").args(["-c", "ls -d /usr/lib/postgresql/*/bin"]));
        let bin = versions
            .ok()
            .and_then(|dirs| Some(dirs.lines().next_back()?.to_owned()));
        let bin = bin.ok_or("there is no PostgreSQL")?;
        let server = Self {
            bin,
            port: free_port(),
            dir: Scratch::new(),
        };
        let script = "set -e; chown 65534:65534 .; echo \"$P\" >pw
            as='setpriv --reuid 65534 --regid 65534 --clear-groups'
            $as $B/initdb -D data -U shop -A scram-sha-256 --pwfile=pw >/dev/null
            $as $B/pg_ctl -D data -l log -w -o \"-p $N -k $PWD -c listen_addresses=127.0.0.1\" start >/dev/null";
        server.run(script).expect("a database");
        Ok(server)
    }

    fn run(&self, script: &str) -> Result<(), String> {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", script])
            .current_dir(self.dir.path())
            .env("B", &self.bin);
        // Its messages must go nowhere that the test waits for: the server inherits the streams of pg_ctl.
        shell
            .env("P", Self::PASSWORD)
            .env("N", self.port.to_string())
            .stderr(std::process::Stdio::null());
        let status = shell.stdout(std::process::Stdio::null()).status();
        let done = status.map_err(|error| error.to_string())?.success();
        done.then_some(())
            .ok_or_else(|| format!("`{script}` failed"))
    }

    fn url(&self) -> String {
        format!(
            "postgres://shop:{}@127.0.0.1:{}/postgres",
            Self::PASSWORD,
            self.port
        )
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let stop = "setpriv --reuid 65534 --regid 65534 --clear-groups $B/pg_ctl -D data -m immediate stop";
        let _ = self.run(stop);
    }
}
