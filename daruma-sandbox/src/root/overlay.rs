//! The layers as one file system (the kernel's Documentation/filesystems/overlayfs.rst).

use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::symlink;

use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MoveMountFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount,
};

use crate::error::{During, Step};
use crate::spec::{OverlayApi, Spec, Upper};

/// Options that keep the upper in the form that captures read, whatever the kernel's defaults are: no directory is a
/// redirection, no file is metadata only.
const PLAIN_UPPER: [(&str, &str); 3] = [
    ("redirect_dir", "nofollow"),
    ("metacopy", "off"),
    ("index", "off"),
];

/// What the kernel is asked for; names are relative to the working directory.
struct Options {
    lower: Vec<String>,
    flags: Vec<&'static str>,
    settings: Vec<(&'static str, &'static str)>,
}

/// Mounts the spec's layers over `points` on `root`, all in the working directory.
pub(super) fn mount(spec: &Spec) -> Step<()> {
    let mut options = Options::prepare(spec)?;
    let step = || format!("mount {} layers", spec.layers.len());
    match options.mount(spec.overlay) {
        // Linux before 5.10 has no `volatile`, which saves a sync of the whole disk at the end.
        Err(Errno::INVAL) => {
            options.flags.retain(|flag| *flag != "volatile");
            options.mount(spec.overlay).during(step)
        }
        other => other.during(step),
    }
}

impl Options {
    fn prepare(spec: &Spec) -> Step<Self> {
        let mut lower = Vec::with_capacity(spec.layers.len() + 1);
        for (number, layer) in spec.layers.iter().rev().enumerate() {
            let name = number.to_string();
            symlink(layer, &name).during(|| format!("name the layer {}", layer.display()))?;
            lower.push(name);
        }
        lower.push("points".to_owned());
        prepare_upper(&spec.upper)?;
        let mut flags = vec!["volatile"];
        let mut settings = vec![("upperdir", "u"), ("workdir", "w")];
        if spec.ids.need_user_namespace() {
            flags.push("userxattr");
        } else {
            settings.extend(PLAIN_UPPER);
        }
        Ok(Self {
            lower,
            flags,
            settings,
        })
    }

    fn mount(&self, api: OverlayApi) -> Result<(), Errno> {
        match api {
            OverlayApi::MountCall => self.by_mount_call(),
            OverlayApi::Newest => match self.by_context() {
                // No such call, or no `lowerdir+`.
                Err(Errno::NOSYS | Errno::INVAL) => self.by_mount_call(),
                other => other,
            },
        }
    }

    fn by_context(&self) -> Result<(), Errno> {
        let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
        for layer in &self.lower {
            fsconfig_set_string(context.as_fd(), "lowerdir+", layer.as_str())?;
        }
        for (key, value) in &self.settings {
            fsconfig_set_string(context.as_fd(), *key, *value)?;
        }
        for flag in &self.flags {
            fsconfig_set_flag(context.as_fd(), *flag)?;
        }
        fsconfig_create(context.as_fd())?;
        attach(&context)
    }

    fn by_mount_call(&self) -> Result<(), Errno> {
        let text = CString::new(self.text()).map_err(|_| Errno::INVAL)?;
        rustix::mount::mount(
            "overlay",
            "root",
            "overlay",
            MountFlags::empty(),
            text.as_c_str(),
        )
    }

    fn text(&self) -> String {
        let settings = self
            .settings
            .iter()
            .map(|(key, value)| format!("{key}={value}"));
        let flags = self.flags.iter().map(|&flag| flag.to_owned());
        let lower = format!("lowerdir={}", self.lower.join(":"));
        let all: Vec<_> = std::iter::once(lower)
            .chain(settings)
            .chain(flags)
            .collect();
        all.join(",")
    }
}

fn attach(context: &OwnedFd) -> Result<(), Errno> {
    let flags = FsMountFlags::FSMOUNT_CLOEXEC;
    let mount = fsmount(context.as_fd(), flags, MountAttrFlags::empty())?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    move_mount(mount.as_fd(), "", CWD, "root", flags)
}

fn prepare_upper(upper: &Upper) -> Step<()> {
    let step = || "prepare the upper directory".to_owned();
    match upper {
        Upper::Memory => {
            std::fs::create_dir("u").during(step)?;
            std::fs::create_dir("w").during(step)
        }
        Upper::Dir { upper, work } => {
            symlink(upper, "u").during(step)?;
            symlink(work, "w").during(step)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel takes options of less than a page, and at most 500 layers (`OVL_MAX_STACK`).
    #[test]
    fn the_options_of_as_many_layers_as_the_kernel_takes_fit_a_page() {
        let options = Options {
            lower: (0..499)
                .map(|n| n.to_string())
                .chain(["points".to_owned()])
                .collect(),
            flags: vec!["volatile", "userxattr"],
            settings: [("upperdir", "u"), ("workdir", "w")]
                .into_iter()
                .chain(PLAIN_UPPER)
                .collect(),
        };
        assert!(options.text().len() < 4096, "{}", options.text().len());
    }
}
