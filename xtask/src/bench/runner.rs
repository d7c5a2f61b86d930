//! The runner image, cold and after a change, beside the programs that make root file systems.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use daruma::archive::Pocket;
use fs_err as fs;

use super::change::{Change, PACKAGE};
use super::mirror::{Mirror, SUITE};
use super::process::{command, exists, measured, timed};
use super::samples::Samples;
use super::table::{Measured, Row, Target};
use super::{Place, say};

/// The packages that all are asked for.
const PACKAGES: &[&str] = &["ruby", PACKAGE, "ca-certificates"];

/// How often each is run; they take turns, so that a busy machine is busy for all.
const ROUNDS: usize = 3;

/// How often the fast ones are run.
const MANY: usize = 30;

/// Everything a round needs.
struct Bench<'a> {
    place: &'a Place,
    mirror: Mirror,
    project: PathBuf,
    keyring: PathBuf,
}

/// What the rounds came to.
#[derive(Default)]
struct Times {
    cold: Samples,
    changed: Samples,
    mmdebstrap: Samples,
    debootstrap: Samples,
    peak: u64,
}

pub(super) fn bench(place: &Place) -> io::Result<Vec<Row>> {
    say("runner: reading the archive");
    let mirror = Mirror::open(&place.cache)?;
    let project = place.dir("shop")?;
    let keyring = project.join("key.gpg");
    fs::write(&keyring, mirror.keyring())?;
    fs::write(project.join("daruma.toml"), recipe(&mirror))?;
    fs::write(project.join("Procfile"), "web: ruby --version\n")?;
    let mut bench = Bench {
        place,
        mirror,
        project,
        keyring,
    };
    bench.learn()?;
    let times = bench.rounds()?;
    let mut rows = rows(&times);
    rows.extend(bench.fast()?);
    Ok(rows)
}

fn recipe(mirror: &Mirror) -> String {
    let (main, security) = (mirror.url(Pocket::Main), mirror.url(Pocket::Security));
    format!(
        "name = \"shop\"\n[runner]\nsuite = \"{SUITE}\"\npackages = {PACKAGES:?}\n\
         [debian]\nmirror = \"{main}\"\nsecurity = \"{security}\"\nkeyring = \"key.gpg\"\n"
    )
}

impl Bench<'_> {
    /// Lets the mirror have everything before anything is measured.
    fn learn(&mut self) -> io::Result<()> {
        let (place, project) = (self.place, self.project.clone());
        self.mirror.learn("daruma", || {
            forget_lock(&project)?;
            timed(&mut daruma(place, &project, &place.dir("cold")?)).map(drop)
        })?;
        let peers: [(&str, fn(&Self) -> io::Result<Command>); 2] = [
            ("mmdebstrap", Self::mmdebstrap),
            ("debootstrap", Self::debootstrap),
        ];
        for (name, _) in peers.iter().filter(|(name, _)| !exists(name)) {
            say(&format!("{name}: not installed"));
        }
        for (name, peer) in peers.into_iter().filter(|(name, _)| exists(name)) {
            // The command names the mirror, which learning changes: it is made before.
            let first = peer(self)?;
            let line: Vec<_> = std::iter::once(first.get_program())
                .chain(first.get_args())
                .collect();
            let line: Vec<std::ffi::OsString> = line.into_iter().map(ToOwned::to_owned).collect();
            let place = self.place;
            self.mirror.learn(name, || {
                place.dir("peer")?;
                let mut again = command(&line[0]);
                timed(again.args(&line[1..]).env("TMPDIR", place.work.path())).map(drop)
            })?;
        }
        Ok(())
    }

    fn rounds(&mut self) -> io::Result<Times> {
        let mut times = Times::default();
        let change = Change::prepare(&self.mirror, &self.place.dir("change")?)?;
        let warm = self.place.dir("warm")?;
        forget_lock(&self.project)?;
        timed(&mut daruma(self.place, &self.project, &warm))?;
        for round in 1..=ROUNDS {
            say(&format!("runner: round {round} of {ROUNDS}"));
            change.publish(&mut self.mirror, round)?;
            forget_lock(&self.project)?;
            times
                .changed
                .push(timed(&mut daruma(self.place, &self.project, &warm))?);
            self.was_rebuilt_with(round)?;
            forget_lock(&self.project)?;
            let cold = self.place.dir("cold")?;
            let (took, peak) = measured(&mut daruma(self.place, &self.project, &cold))?;
            times.cold.push(took);
            times.peak = times.peak.max(peak);
            if exists("mmdebstrap") {
                times.mmdebstrap.push(timed(&mut self.mmdebstrap()?)?);
            }
            if exists("debootstrap") {
                times.debootstrap.push(timed(&mut self.debootstrap()?)?);
            }
        }
        self.mirror.check()?;
        Ok(times)
    }

    /// A measurement of the wrong thing would be worse than none.
    fn was_rebuilt_with(&self, round: usize) -> io::Result<()> {
        let lock = fs::read_to_string(self.project.join("daruma.lock"))?;
        if lock.contains(&format!("+bench{round}\"")) {
            return Ok(());
        }
        let message = format!("the lock lacks {PACKAGE} +bench{round}");
        Err(io::Error::other(message))
    }

    /// The essential packages and those that are asked for, configured, as a tar that is not compressed.
    fn mmdebstrap(&self) -> io::Result<Command> {
        let out = self.place.dir("peer")?.join("root.tar");
        let key = self.keyring.display();
        let source = |pocket, suite: &str| {
            let url = self.mirror.url(pocket);
            format!("deb [signed-by={key}] {url} {suite} main")
        };
        let mut command = command("mmdebstrap");
        command.args(["--variant=essential", "--architectures=amd64"]);
        command
            .arg(format!("--include={}", PACKAGES.join(",")))
            .arg(SUITE)
            .arg(out);
        command.arg(source(Pocket::Main, SUITE));
        command.arg(source(Pocket::Updates, &format!("{SUITE}-updates")));
        command.arg(source(Pocket::Security, &format!("{SUITE}-security")));
        command.env("TMPDIR", self.place.work.path());
        Ok(command)
    }

    /// The smallest that it makes, as a directory; it knows one suite and takes the package as it is there.
    fn debootstrap(&self) -> io::Result<Command> {
        let out = self.place.dir("peer")?.join("root");
        let mut command = command("debootstrap");
        command.args(["--variant=minbase", "--arch=amd64"]);
        command.arg(format!("--keyring={}", self.keyring.display()));
        command.arg(format!("--include={}", PACKAGES.join(",")));
        command
            .arg(SUITE)
            .arg(out)
            .arg(self.mirror.url(Pocket::Main));
        Ok(command)
    }

    /// A build that finds nothing to do, and the bare start.
    fn fast(&self) -> io::Result<Vec<Row>> {
        let (mut again, mut version) = (Samples::default(), Samples::default());
        let home = self.place.work.path().join("warm");
        forget_lock(&self.project)?;
        timed(&mut daruma(self.place, &self.project, &home))?;
        for _ in 0..MANY {
            again.push(timed(&mut daruma(self.place, &self.project, &home))?);
            version.push(timed(command(&self.place.daruma).arg("--version"))?);
        }
        let row = |what: &str, ours, limit| Row {
            what: what.to_owned(),
            ours: Measured::Time(ours),
            peer: None,
            target: Target::Under(Duration::from_millis(limit)),
        };
        Ok(vec![
            row("build, nothing to do", again, 150),
            row("daruma --version", version, 10),
        ])
    }
}

fn rows(times: &Times) -> Vec<Row> {
    let row = |what: &str, ours: &Samples, name: &str, peer: &Samples, target| Row {
        what: what.to_owned(),
        ours: Measured::Time(ours.clone()),
        peer: Some((name.to_owned(), peer.clone())),
        target,
    };
    let mut rows = Vec::new();
    let peers = [
        (
            "mmdebstrap",
            &times.mmdebstrap,
            [Target::Faster(8.0), Target::Faster(40.0)],
        ),
        ("debootstrap", &times.debootstrap, [Target::Shown; 2]),
    ];
    for (name, peer, [cold, changed]) in peers {
        if !peer.is_empty() {
            rows.push(row("runner, nothing cached", &times.cold, name, peer, cold));
            rows.push(row(
                "runner, one package changed",
                &times.changed,
                name,
                peer,
                changed,
            ));
        }
    }
    rows.push(Row {
        what: "runner, peak memory".to_owned(),
        ours: Measured::Memory(times.peak.div_ceil(1_000_000)),
        peer: None,
        target: Target::Megabytes(300),
    });
    rows
}

fn daruma(place: &Place, project: &Path, home: &Path) -> Command {
    let mut command = command(&place.daruma);
    command.args(["build", "-C"]).arg(project);
    command.env("DARUMA_HOME", home);
    command
}

fn forget_lock(project: &Path) -> io::Result<()> {
    match fs::remove_file(project.join("daruma.lock")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
