//! An app named `shop` on a bench, in a world of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;

use testkit::{Bench, Outcome, World};

/// The binary under test.
pub(crate) const DARUMA: &str = env!("CARGO_BIN_EXE_daruma");

/// A web server that needs nothing but `perl-base`.
pub(crate) const SERVER: &str = r#"#!/usr/bin/perl
use IO::Socket::INET;
$| = 1;
my $server = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $ENV{PORT}, Listen => 5, ReuseAddr => 1)
    or die "port $ENV{PORT}: $!";
print "listening\n";
while (my $client = $server->accept) {
    my $request = <$client> or next;
    print "asked\n";
    print $client "HTTP/1.0 200 OK\r\n\r\ndaruma sells dolls\n";
    close $client;
}
"#;

/// The bench and the world.
pub(crate) struct Shop {
    /// Where commands run.
    pub(crate) bench: Bench,
    /// Where packages come from.
    pub(crate) world: World,
}

impl Shop {
    /// A shop without files but for `daruma.toml`, or `None` with the reason told.
    pub(crate) fn empty() -> Option<Self> {
        let world = match World::new() {
            Ok(world) => world,
            Err(why) => {
                println!("skipped: {why}");
                return None;
            }
        };
        let bench = bench(&world);
        let shop = Self { bench, world };
        shop.declare("");
        Some(shop)
    }

    /// A shop with a web server and a job.
    pub(crate) fn open() -> Option<Self> {
        let shop = Self::empty()?;
        fill(&shop.bench);
        Some(shop)
    }

    /// Writes `daruma.toml`: `text`, and behind it where the world's packages are.
    pub(crate) fn declare(&self, text: &str) {
        declare(&self.bench, &self.world, text);
    }

    /// Runs daruma in the project.
    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        self.bench.run(args)
    }

    /// Builds, and gives the manifest's digest of each image by name.
    pub(crate) fn build(&self) -> BTreeMap<String, String> {
        digests(&self.run(&["build"]).success())
    }

    /// How many requests the world has seen since the last question.
    pub(crate) fn requests(&self) -> usize {
        self.world.server.take_log().len()
    }

    /// The project's lock.
    pub(crate) fn lock(&self) -> PathBuf {
        self.bench.project().join("daruma.lock")
    }
}

/// A bench whose mirror is `world`.
pub(crate) fn bench(world: &World) -> Bench {
    let bench = Bench::new(DARUMA)
        .hide(&world.server.url(""), "http://[MIRROR]")
        .env("DARUMA_DEBIAN_MIRROR", world.mirror());
    fs_err::write(bench.path("keyring.pgp"), world.keyring()).expect("the keyring");
    bench
}

/// As [`Shop::declare`]. All pockets are named: for one that is not, daruma asks the host's own mirrors too.
pub(crate) fn declare(bench: &Bench, world: &World, text: &str) {
    let security = world.server.url("/debian-security");
    let debian = format!("[debian]\nkeyring = \"../keyring.pgp\"\nsecurity = \"{security}\"\n");
    bench.write("daruma.toml", format!("{text}{debian}"));
}

/// The shop's own files.
pub(crate) fn fill(bench: &Bench) {
    bench.write("Procfile", "web: ./server.pl\ncli: sleep 600\n");
    bench.write_script("server.pl", SERVER);
    // In the environment of all that the app runs, so that it can be found.
    bench.write(".env", format!("BENCH={}\n", bench.path("").display()));
}

/// The digests that `build` printed, by image name.
pub(crate) fn digests(outcome: &Outcome) -> BTreeMap<String, String> {
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.to_owned()))
    };
    outcome.stdout.lines().filter_map(row).collect()
}
