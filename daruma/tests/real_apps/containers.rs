//! daruma inside a Docker container: builds work, and what the container forbids is said with its remedy.

use std::path::{Path, PathBuf};

use crate::bench::{DARUMA, Skip, World, copy, skipped};
use crate::docker::Docker;

/// Runs in the container: an app that answers a request to itself.
const START: &str = "daruma start -q --offline -p 5000 & i=0
    while kill -0 $! && [ $i -lt 600 ]; do
        busybox wget -q -O - http://127.0.0.1:5000/ 2>/dev/null && break; sleep 0.1; i=$((i+1))
    done; kill $!; wait $!; echo code $?";

/// Without the filter, but with the parts of `/proc` that Docker covers.
const UNFILTERED: [&str; 6] = [
    "--cap-add",
    "SYS_ADMIN",
    "--security-opt",
    "seccomp=unconfined",
    "--security-opt",
    "apparmor=unconfined",
];

/// As `--privileged`, without capabilities that a machine may lack itself.
const OPEN: [&str; 8] = [
    "--cap-add",
    "SYS_ADMIN",
    "--security-opt",
    "seccomp=unconfined",
    "--security-opt",
    "apparmor=unconfined",
    "--security-opt",
    "systempaths=unconfined",
];

struct Inside {
    docker: Docker,
    world: World,
    /// App and cache as the container has them, at `/v`.
    shared: PathBuf,
}

impl Inside {
    /// A container's image is that of an app, as it has nothing of what daruma may want of a host.
    fn new() -> Result<Self, Skip> {
        let docker = Docker::start()?;
        let world = World::warm()?;
        let manifest = world.app.join("daruma.toml");
        let text = std::fs::read_to_string(&manifest).expect("daruma.toml");
        let with_shell_tools = text.replace("\"ruby\", ", "\"ruby\", \"busybox\", ");
        std::fs::write(&manifest, with_shell_tools).expect("written");
        world
            .run(&[
                "build",
                "-q",
                "-t",
                "machine",
                "--output",
                "tar:../machine.tar",
            ])
            .ok();
        let archive = world.dir.path().join("machine.tar");
        docker.run(&["load", "-q", "-i", archive.to_str().expect("UTF-8")])?;
        let shared = world.dir.path().join("shared");
        std::fs::create_dir(&shared).expect("a directory");
        copy(&world.app, &shared.join("shop"));
        copy(&world.home, &shared.join("home"));
        for made in ["oci", "roots", "run"] {
            std::fs::remove_dir_all(shared.join("home").join(made)).unwrap_or_default();
        }
        Ok(Self {
            docker,
            world,
            shared,
        })
    }

    /// The ways to allow all that this machine has.
    fn permissive(&self) -> Vec<&'static [&'static str]> {
        match self.run(&["--privileged"], "true") {
            Ok(_) => vec![&["--privileged"], &OPEN],
            // Docker asks for all capabilities there are.
            Err(error) => {
                assert!(error.contains("unable to apply caps"), "{error}");
                crate::bench::note(
                    "this machine's root lacks capabilities that --privileged asks for",
                );
                vec![&OPEN]
            }
        }
    }

    fn run(&self, options: &[&str], script: &str) -> Result<String, String> {
        let volumes = [
            Docker::volume(Path::new(DARUMA), "/usr/bin/daruma:ro"),
            Docker::volume(&self.shared, "/v"),
        ];
        let mut arguments = vec![
            "run",
            "--rm",
            "--network",
            "none",
            "-u",
            "0:0",
            "-w",
            "/v/shop",
        ];
        arguments.extend([
            "-v",
            &volumes[0],
            "-v",
            &volumes[1],
            "-e",
            "DARUMA_HOME=/v/home",
            "--entrypoint",
            "sh",
        ]);
        arguments.extend(options);
        arguments.extend(["machine", "-c", script]);
        self.docker.run(&arguments)
    }
}

#[test]
fn in_a_container_builds_work_and_apps_start_where_it_allows_namespaces() {
    let inside = match Inside::new() {
        Ok(inside) => inside,
        Err(why) => return skipped(&why),
    };
    let outside = inside.world.run(&["build", "--offline"]).ok();
    let built = inside.run(&[], "daruma build --offline").expect("built");
    assert_eq!(built, outside.trim_end(), "the same images as outside");

    let refused = inside
        .run(&[], "daruma exec -- true")
        .expect_err("Docker forbids namespaces by default");
    assert!(
        refused.contains("error: cannot use the sandbox engine"),
        "{refused}"
    );
    assert!(refused.contains("--privileged"), "{refused}");

    let page = "<h1>The doll stays standing</h1>";
    let own = format!(
        "mkdir -p /w/home; cp -r /v/shop /w; cp -r /v/home/debs /w/home; cd /w/shop; export DARUMA_HOME=/w/home; {START}"
    );
    for options in inside.permissive() {
        // The cache on a volume, and on the container's own file system, an overlay.
        for script in [START, &own] {
            let said = inside.run(options, script).expect("run");
            assert!(
                said.contains(page) && said.ends_with("code 143"),
                "{options:?} {script}: {said}"
            );
        }
    }
    let said = inside.run(&UNFILTERED, START);
    let text = said.unwrap_or_else(|error| error);
    assert!(
        text.contains(page) || text.contains("--privileged"),
        "{text}"
    );
}
