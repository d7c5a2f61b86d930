//! What daruma hands out is accepted by those that people use: Docker 20.10 and 26, Podman, skopeo, umoci.

mod support_engines;
mod support_images;

use std::path::{Path, PathBuf};
use std::process::Command;

use daruma::home::Home;
use daruma::image::{Form, Image};
use daruma::store::{NamedImage, Store};
use support_engines::{Dockerd, Skip, debian, find, may_install, require, run};
use support_images::{Member, app_image, dir, file, layer};
use tempfile::TempDir;

/// Prints what stands in a file of its directory, a variable and its user: what both layers and the config say.
const PROGRAM: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(void) {
    char word[16] = "";
    FILE *file = fopen("greeting", "r");
    if (!file || !fgets(word, sizeof word, file)) return 3;
    printf("%s %s %d\n", getenv("GREETING"), word, (int)getuid());
    return 0;
}
"#;

/// What the program prints in its image.
const SAYS: &str = "hello daruma 1000";

/// An image, as an archive and as a layout.
struct World {
    dir: TempDir,
    image: Image,
    archive: PathBuf,
    layout: PathBuf,
}

impl World {
    fn new(test: &str) -> Result<Self, Skip> {
        // In lower case, because Podman makes the name of what it pulls from a layout out of the path.
        let prefix = format!("daruma-{test}-{}", std::process::id());
        let dir = tempfile::Builder::new()
            .prefix(&prefix)
            .rand_bytes(0)
            .tempdir()
            .expect("tempdir");
        let program = static_program(dir.path())?;
        let store =
            Store::open(&Home::open(&dir.path().join("home")).expect("home")).expect("store");
        let image = image(&store, &program);
        // As an app with two processes has them, with one name more for the first.
        let cli = image.clone().with_label("two", "2");
        let named =
            [("shop-web", &image), ("shop-cli", &cli), ("shop", &image)].map(|(name, image)| {
                NamedImage {
                    name: name.parse().expect("name"),
                    image: image.clone(),
                }
            });
        let (archive, layout) = (dir.path().join("shop.tar"), dir.path().join("layout"));
        let mut file = fs_err::File::create(&archive).expect("created");
        store.export_archive(&mut file, &named).expect("archive");
        store.export_layout(&layout, &named).expect("layout");
        Ok(Self {
            dir,
            image,
            archive,
            layout,
        })
    }

    fn archive(&self) -> &str {
        self.archive.to_str().expect("UTF-8")
    }

    fn layout(&self, transport: &str) -> String {
        format!("{transport}{}:shop-web:latest", self.layout.display())
    }

    fn out(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// The digests that Docker shows of the layers.
    fn diff_ids(&self) -> String {
        let ids: Vec<String> = self
            .image
            .layers()
            .iter()
            .map(|layer| layer.diff_id().to_string())
            .collect();
        ids.join(" ")
    }

    fn id(&self) -> String {
        self.image
            .render(Form::Oci)
            .expect("rendered")
            .id
            .to_string()
    }
}

fn static_program(dir: &Path) -> Result<Vec<u8>, Skip> {
    let (source, program) = (dir.join("hello.c"), dir.join("hello"));
    fs_err::write(&source, PROGRAM).expect("written");
    let cc = run(Command::new("cc")
        .args(["-static", "-Os", "-o"])
        .args([&program, &source]));
    cc.map_err(|error| format!("there is no static C library: {error}"))?;
    Ok(fs_err::read(program).expect("program"))
}

fn image(store: &Store, program: &[u8]) -> Image {
    let hello = Member {
        path: "bin/hello",
        mode: 0o755,
        data: program,
    };
    let below = layer(
        store,
        "runner",
        &[
            dir("bin/"),
            dir("etc/"),
            hello,
            file("etc/issue", b"runner\n"),
        ],
    );
    let above = layer(
        store,
        "app",
        &[dir("app/"), file("app/greeting", b"daruma")],
    );
    app_image(store, &below, &above, &["/bin/hello"])
}

/// Prints why a test did not run.
#[expect(clippy::print_stderr, reason = "the test harness shows it")]
fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}

fn check_docker(world: &World, daemon: &Dockerd, version: &str) {
    let found = daemon
        .docker(&["version", "--format", "{{.Server.Version}}"])
        .expect("version");
    assert!(found.starts_with(version), "{found}");
    let loaded = daemon
        .docker(&["load", "-i", world.archive()])
        .expect("loaded");
    let names: Vec<&str> = loaded
        .lines()
        .filter_map(|line| line.strip_prefix("Loaded image: "))
        .collect();
    assert_eq!(names, ["shop-web:latest", "shop:latest", "shop-cli:latest"]);
    let inspect = |format: &str| {
        daemon
            .docker(&["image", "inspect", "--format", format, "shop-web"])
            .expect("inspected")
    };
    assert_eq!(inspect("{{join .RootFS.Layers \" \"}}"), world.diff_ids());
    assert_eq!(inspect("{{.Id}}"), world.id());
    let said = daemon
        .docker(&["run", "--rm", "--network", "none", "shop-web"])
        .expect("run");
    assert_eq!(said, SAYS);
}

#[test]
fn docker_of_debian_12_loads_and_runs_the_archive() {
    let ready = require(&[
        ("dockerd", "docker.io"),
        ("docker", "docker.io"),
        ("unshare", "util-linux"),
    ]);
    let world = match ready.and_then(|()| World::new("docker12")) {
        Ok(world) => world,
        Err(why) => return skipped(&why),
    };
    let version = run(Command::new("/usr/sbin/dockerd").arg("--version")).expect("version");
    if !version.contains(" 20.10.") {
        return skipped(&format!("this machine's own is not Debian 12's: {version}"));
    }
    let daemon = Dockerd::start(Path::new("/"), &world.out("docker")).expect("started");
    check_docker(&world, &daemon, "20.10.");
}

#[test]
fn docker_of_debian_13_loads_and_runs_the_archive() {
    let ready = require(&[
        ("mmdebstrap", "mmdebstrap"),
        ("docker", "docker.io"),
        ("unshare", "util-linux"),
    ]);
    let world = match ready.and_then(|()| World::new("docker13")) {
        Ok(world) if may_install() => world,
        Ok(_) => return skipped("DARUMA_TEST_INSTALL=1 lets it make a Debian 13 system"),
        Err(why) => return skipped(&why),
    };
    let root = world.dir.path().join("trixie");
    debian("trixie", "docker.io,ca-certificates,mount", &root).expect("made");
    let daemon = Dockerd::start(&root, "/srv").expect("started");
    check_docker(&world, &daemon, "26.1.");
}

#[test]
fn podman_loads_the_archive_pulls_the_layout_and_runs_both() {
    let world = match require(&[("podman", "podman")]).and_then(|()| World::new("podman")) {
        Ok(world) => world,
        Err(why) => return skipped(&why),
    };
    podman(&world, &["load", "-q", "-i", world.archive()]).expect("loaded");
    check_podman(
        &world,
        &["/shop-web:latest", "/shop:latest", "/shop-cli:latest"],
    );
    podman(&world, &["pull", "-q", &world.layout("oci:")]).expect("pulled");
    check_podman(&world, &["/layout:latest"]);
}

/// Runs Podman with a store of its own.
fn podman(world: &World, arguments: &[&str]) -> Result<String, String> {
    let mut podman = Command::new(find("podman").expect("podman"));
    for option in ["root", "runroot", "tmpdir"] {
        podman.args([format!("--{option}"), world.out(option)]);
    }
    let machine = "--storage-driver vfs --cgroup-manager cgroupfs --events-backend none";
    run(podman.args(machine.split(' ')).args(arguments))
}

/// Checks that there is one name of each of these ends (what comes before them is Podman's to choose), that the first
/// names the image, and that it runs; then removes them all.
fn check_podman(world: &World, ends: &[&str]) {
    let listed =
        podman(world, &["images", "--format", "{{.Repository}}:{{.Tag}}"]).expect("listed");
    let find = |end: &&str| listed.lines().find(|line| line.ends_with(end));
    let names: Option<Vec<&str>> = ends.iter().map(find).collect();
    let names = names.unwrap_or_else(|| panic!("{listed}"));
    assert_eq!(names.len(), listed.lines().count(), "{listed}");
    let inspect = |format: &str| {
        podman(world, &["image", "inspect", "--format", format, names[0]]).expect("inspected")
    };
    assert_eq!(format!("sha256:{}", inspect("{{.Id}}")), world.id());
    assert_eq!(
        inspect("{{range .RootFS.Layers}}{{.}} {{end}}"),
        world.diff_ids()
    );
    // Podman would raise limits, which not every machine lets root do.
    let command = "run --rm --network none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024";
    let command: Vec<&str> = command.split(' ').chain([names[0]]).collect();
    assert_eq!(podman(world, &command).expect("run"), SAYS);
    podman(world, &[&["rmi", "-f"], &names[..]].concat()).expect("removed");
}

#[test]
fn skopeo_copies_the_layout_and_the_archive_by_both_of_its_names() {
    let world = match require(&[("skopeo", "skopeo")]).and_then(|()| World::new("skopeo")) {
        Ok(world) => world,
        Err(why) => return skipped(&why),
    };
    let rows = [
        ("oci", world.layout("oci:"), &[][..]),
        ("schema2", world.layout("oci:"), &["--format", "v2s2"][..]),
        (
            "docker-archive",
            format!("docker-archive:{}:shop-web:latest", world.archive()),
            &[],
        ),
        (
            "oci-archive",
            format!("oci-archive:{}:shop-web:latest", world.archive()),
            &[],
        ),
    ];
    for (name, from, options) in rows {
        let to = world.out(name);
        let mut skopeo = Command::new(find("skopeo").expect("skopeo"));
        skopeo
            .args(["--insecure-policy", "copy", "-q"])
            .args(options)
            .arg(from)
            .arg(format!("dir:{to}"));
        run(&mut skopeo).expect(name);
        let manifest = fs_err::read(Path::new(&to).join("manifest.json")).expect("manifest");
        let parsed = daruma::image::Manifest::parse(&manifest).expect("valid");
        assert_eq!(format!("{}", parsed.config().digest), world.id(), "{name}");
        if name.starts_with("oci") {
            assert_eq!(
                manifest,
                *world.image.render(Form::Oci).expect("rendered").manifest,
                "{name}"
            );
        }
    }
}

#[test]
fn umoci_unpacks_the_layout() {
    let world = match require(&[("umoci", "umoci")]).and_then(|()| World::new("umoci")) {
        Ok(world) => world,
        Err(why) => return skipped(&why),
    };
    let bundle = world.out("bundle");
    let mut umoci = Command::new(find("umoci").expect("umoci"));
    run(umoci.args(["unpack", "--image", &world.layout(""), &bundle])).expect("unpacked");
    let rootfs = Path::new(&bundle).join("rootfs");
    let read = |path: &str| fs_err::read_to_string(rootfs.join(path)).expect("there");
    assert_eq!(
        (read("app/greeting").as_str(), read("etc/issue").as_str()),
        ("daruma", "runner\n")
    );
    assert!(rootfs.join("bin/hello").exists());
}
