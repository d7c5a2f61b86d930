//! The images answer in Docker and Podman as they do here.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::bench::{Skip, World, is_root, need, output, skipped};
use crate::docker::Docker;
use crate::running::{Running, free_port};

const PAGE: &str = "<h1>The doll stays standing</h1>";

/// A world with an archive of the images of `rack-debian`.
fn archive() -> Result<(World, String), Skip> {
    let world = World::warm()?;
    let archive = world.dir.path().join("app.tar").display().to_string();
    world
        .run(&["build", "--output", &format!("tar:{archive}")])
        .ok();
    Ok((world, archive))
}

#[test]
fn docker_runs_the_web_image_as_it_is() {
    let (docker, (_world, archive)) =
        match Docker::start().and_then(|docker| Ok((docker, archive()?))) {
            Ok(both) => both,
            Err(why) => return skipped(&why),
        };
    let loaded = docker.run(&["load", "-i", &archive]).expect("loaded");
    assert!(
        loaded.contains("rack-debian:latest") && loaded.contains("rack-debian-cli:latest"),
        "{loaded}"
    );
    let run = [
        "run",
        "-d",
        "--name",
        "web",
        "-p",
        "8080:5000",
        "-e",
        "PORT=5000",
        "rack-debian",
    ];
    docker.run(&run).expect("run");
    let page = docker
        .page(8080)
        .map_err(|error| format!("{error}\n{:?}", docker.run(&["logs", "web"])));
    assert!(
        page.as_ref().is_ok_and(|page| page.contains(PAGE)),
        "{page:?}"
    );
    let who = docker.run(&[
        "exec",
        "web",
        "sh",
        "-c",
        "id -u; touch /app/made; cat /proc/1/cmdline",
    ]);
    let who = who.expect("exec");
    assert!(who.starts_with("1000\n") && who.contains("puma"), "{who}");
    // pid 1 is puma, not a shell that would keep the signal to itself.
    docker.run(&["stop", "-t", "9", "web"]).expect("stopped");
    assert!(
        docker
            .run(&["logs", "web"])
            .expect("logs")
            .contains("Gracefully stopping")
    );
    let cli = docker
        .run(&["run", "--rm", "rack-debian-cli"])
        .expect("run");
    assert!(cli.starts_with("hello from ruby"), "{cli}");
}

#[test]
fn load_hands_the_images_to_docker() {
    let (docker, world) = match Docker::start().and_then(|docker| Ok((docker, World::warm()?))) {
        Ok(both) => both,
        Err(why) => return skipped(&why),
    };
    let mut load = world.command(&["build", "--load", "-t", "example.test/shop:1"]);
    load.env("PATH", "/usr/bin:/bin")
        .env("DOCKER_HOST", docker.host());
    let said = output(&mut load).expect("built");
    assert!(said.contains("example.test/shop:1  sha256:"), "{said}");
    let names = docker
        .run(&["images", "--format", "{{.Repository}}:{{.Tag}}"])
        .expect("listed");
    for name in ["example.test/shop:1", "example.test/shop-cli:1"] {
        assert!(names.lines().any(|line| line == name), "{names}");
    }
    // No daemon there: the failure says what docker said, and what to look at.
    let mut load = world.command(&["build", "--load"]);
    load.env("DOCKER_HOST", "unix:///nonexistent")
        .stderr(Stdio::piped());
    let error = output(&mut load).expect_err("no daemon");
    assert!(error.contains("hint: docker info"), "{error}");
}

#[test]
fn podman_runs_the_web_image_as_it_is() {
    if !is_root() {
        return skipped("it needs root");
    }
    let (world, archive) = match need(&["podman"]).and_then(|()| archive()) {
        Ok(both) => both,
        Err(why) => return skipped(&why),
    };
    let store = world.dir.path().join("podman");
    let podman = |arguments: &[&str]| podman(&store, arguments);
    output(&mut podman(&["load", "-q", "-i", &archive])).expect("loaded");
    let port = free_port();
    let variable = format!("PORT={port}");
    // With limits that every machine lets root set, and the host's network: what is looked at is the image.
    let options =
        "run --rm --name web --network host --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 -e";
    let run: Vec<&str> = options
        .split(' ')
        .chain([&*variable, "localhost/rack-debian"])
        .collect();
    let mut podman = podman(&run);
    podman.stdin(Stdio::null());
    let _container = PodmanContainer(&store);
    let web = Running::spawn_until(&mut podman, port, "Use Ctrl-C to stop");
    let page = web.get("/");
    assert!(page.contains("200 OK") && page.contains(PAGE), "{page}");
}

/// The container `web`, which outlives the command that began it.
struct PodmanContainer<'a>(&'a Path);

impl Drop for PodmanContainer<'_> {
    fn drop(&mut self) {
        let _ = output(&mut podman(self.0, &["rm", "-f", "-t", "0", "web"]));
    }
}

fn podman(store: &Path, arguments: &[&str]) -> Command {
    let mut podman = Command::new("/usr/bin/podman");
    for option in ["root", "runroot", "tmpdir"] {
        podman.arg(format!("--{option}")).arg(store.join(option));
    }
    podman.args([
        "--storage-driver",
        "overlay",
        "--cgroup-manager",
        "cgroupfs",
        "--events-backend",
        "none",
    ]);
    podman.args(arguments);
    podman
}
