//! `db_*`, the commands of debconf's shell library (debconf-devel(7), confmodule(3)).

use super::Run;
use crate::debian::effects::shell::{Shell, Status, Stop};

/// What debconf answers where a question does not exist.
const NO_QUESTION: i32 = 10;
/// What it answers where a question is not shown, which is always without a user.
const NOT_SHOWN: i32 = 30;

pub(super) fn find(name: &str) -> Option<Run> {
    Some(match name {
        "db_version" | "db_capb" | "db_settitle" | "db_title" | "db_beginblock" | "db_endblock"
        | "db_stop" | "db_purge" | "db_info" | "db_register" | "db_unregister" => |_, _| Ok(0),
        "db_go" => |_, _| Ok(0),
        "db_input" => |shell, arguments| {
            let known = arguments
                .get(1)
                .and_then(|question| shell.machine.debconf.get(question));
            Ok(if known.is_some() {
                NOT_SHOWN
            } else {
                NO_QUESTION
            })
        },
        "db_get" => |shell, arguments| {
            let [question] = arguments else { return bad() };
            let value = shell.machine.debconf.get(question);
            Ok(answer(shell, value))
        },
        "db_fget" => |shell, arguments| {
            let [question, flag] = arguments else {
                return bad();
            };
            let value = shell.machine.debconf.flag(question, flag);
            Ok(answer(shell, value))
        },
        "db_metaget" => |shell, arguments| {
            let [question, field] = arguments else {
                return bad();
            };
            let value = shell.machine.debconf.field(question, field);
            Ok(answer(shell, value))
        },
        "db_set" => |shell, arguments| {
            let [question, value @ ..] = arguments else {
                return bad();
            };
            Ok(done(shell.machine.debconf.set(question, &value.join(" "))))
        },
        "db_reset" => |shell, arguments| {
            let [question] = arguments else { return bad() };
            Ok(done(shell.machine.debconf.reset(question)))
        },
        "db_fset" => |shell, arguments| {
            let [question, flag, value] = arguments else {
                return bad();
            };
            Ok(done(shell.machine.debconf.set_flag(question, flag, value)))
        },
        "db_subst" => |shell, arguments| {
            let [question, key, value @ ..] = arguments else {
                return bad();
            };
            Ok(done(shell.machine.debconf.substitute(
                question,
                key,
                &value.join(" "),
            )))
        },
        _ => return None,
    })
}

fn bad() -> Status {
    Err(Stop::unknown("debconf's command with other arguments"))
}

fn answer(shell: &mut Shell<'_, '_>, value: Option<String>) -> i32 {
    let status = done(value.is_some());
    shell.assign("RET", value.unwrap_or_default());
    status
}

fn done(exists: bool) -> i32 {
    if exists { 0 } else { NO_QUESTION }
}
