//! Tests of man pages and completions as packages build them: they cover every command and option of `--help`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{run, run_command};

/// Returns the names of the files in a directory.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// Returns the output of `--help` of the program or of a command.
fn help(dir: &Path, command: &[String]) -> String {
    let words = command.iter().map(String::as_str);
    let ended = run(dir, words.chain(["--help"]), "");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.out
}

/// Returns the commands that the help of the program or of a command lists.
fn commands(dir: &Path, of: &[String]) -> Vec<String> {
    let help = help(dir, of);
    let list = help.split("Commands:\n").nth(1).unwrap_or_default();
    let list = list.split("\n\n").next().unwrap();
    let first = |line: &str| line.split_whitespace().next().map(str::to_owned);
    let entries = list
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    entries
        .filter_map(first)
        .filter(|name| name != "help")
        .collect()
}

/// Returns the words of each command and of each command below one.
fn all_commands(dir: &Path) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for command in commands(dir, &[]) {
        let command = vec![command];
        let below = commands(dir, &command);
        let below = below
            .into_iter()
            .map(|name| [&command[..], &[name]].concat());
        all.extend(below);
        all.push(command);
    }
    all
}

/// Returns the long options that a text mentions.
fn options(text: &str) -> BTreeSet<String> {
    let is_end = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
    text.split_whitespace()
        .filter_map(|word| word.strip_prefix("--"))
        .map(|rest| rest.split(is_end).next().unwrap().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

fn generated(what: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let ended = run(dir.path(), ["generate", what, "out/deep"], "");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    dir
}

#[test]
fn every_command_has_a_page_with_its_options() {
    let dir = generated("man");
    let out = dir.path().join("out/deep");
    let mut commands = all_commands(dir.path());
    assert!(commands.contains(&vec!["run".to_owned()]), "{commands:?}");
    assert!(commands.contains(&vec!["state".to_owned(), "reset".to_owned()]));
    commands.push(Vec::new());
    let name = |command: &[String]| {
        let words = [&["httplog-exporter".to_owned()], command].concat();
        format!("{}.1", words.join("-"))
    };
    let expected = commands.iter().map(|command| name(command)).collect();
    assert_eq!(names(&out), expected);
    for command in &commands {
        let page = fs::read_to_string(out.join(name(command))).unwrap();
        let page = page.replace("\\-", "-").replace("\\fB", " ");
        let asked = options(&help(dir.path(), command));
        assert!(asked.contains("help"), "{command:?}: {asked:?}");
        for option in asked {
            assert!(
                options(&page).contains(&option),
                "{command:?}: --{option} in\n{page}"
            );
        }
    }
}

#[test]
fn the_program_s_page_has_exit_codes_and_files() {
    let dir = generated("man");
    let page = fs::read_to_string(dir.path().join("out/deep/httplog-exporter.1")).unwrap();
    let page = page.replace("\\-", "-");
    for text in [
        ".SH \"EXIT STATUS\"",
        ".TP\n78\n",
        "/etc/httplog-exporter/config.toml",
        "httplog-exporter-troubleshooting(7)",
    ] {
        assert!(page.contains(text), "{text} in\n{page}");
    }
    assert!(!page.contains("generate"), "hidden commands are left out");
}

#[test]
fn completions_offer_the_commands_and_options_of_help() {
    let dir = generated("completions");
    let out = dir.path().join("out/deep");
    let expected = [
        "_httplog-exporter",
        "httplog-exporter.bash",
        "httplog-exporter.fish",
    ];
    assert_eq!(names(&out), expected.map(str::to_owned).into());
    let commands = commands(dir.path(), &[]);
    for name in expected {
        let text = fs::read_to_string(out.join(name)).unwrap();
        for command in &commands {
            assert!(text.contains(command.as_str()), "{command} in {name}");
        }
        assert!(!text.contains("generate"), "{name}");
    }
}

/// Asserts what bash offers for the last of the words that follow the program's name.
fn assert_bash_completes(dir: &Path, words: &str, expected: &[&str]) {
    let mut bash = Command::new("bash");
    bash.current_dir(dir).args([
        "-c",
        "source out/deep/httplog-exporter.bash
         COMP_WORDS=(httplog-exporter \"$@\") COMP_CWORD=$#
         function=$(complete -p httplog-exporter | grep -o -- '-F [^ ]*')
         \"${function#-F }\" httplog-exporter \"${COMP_WORDS[-1]}\" \"${COMP_WORDS[-2]}\"
         echo \"${COMPREPLY[@]}\"",
        "bash",
    ]);
    // The last word may be empty.
    bash.args(words.split(' '));
    let ended = run_command(bash, "");
    let offered: Vec<&str> = ended.out.split_whitespace().collect();
    assert_eq!(offered, expected, "{words:?}: {ended:?}");
}

#[test]
fn bash_completes_commands_and_values_of_closed_sets() {
    let dir = generated("completions");
    let check = |words: &str, expected: &[_]| assert_bash_completes(dir.path(), words, expected);
    check("rep", &["replay"]);
    check("--log-level ", &["error", "warn", "info", "debug", "trace"]);
    check("run --log-level d", &["debug"]);
    check("check --log-format ", &["text", "json"]);
    check("replay --output m", &["metrics"]);
    check(
        "lines --reject ",
        &["mismatch", "number", "overlong", "ambiguous", "frame"],
    );
    check("lines --fields request_", &["request_bytes", "request_id"]);
    check("patterns granian", &["granian"]);
    let gunicorn = [
        "gunicorn",
        "gunicorn-seconds",
        "gunicorn-micros",
        "gunicorn-millis",
        "gunicorn-django",
    ];
    for command in ["backfill", "explain", "lines", "replay", "run"] {
        check(&format!("{command} --pattern gunicorn"), &gunicorn);
    }
}

#[test]
fn values_outside_the_completed_ones_are_taken_where_they_can_be_defined() {
    let dir = tempfile::tempdir().unwrap();
    let config = "[pattern.own]\nnginx = '$request_method $request_uri $status'\n";
    let source = "[[source]]\nname = 'own'\npaths = ['own.log']\npattern = 'own'\n";
    fs::write(dir.path().join("config.toml"), [config, source].concat()).unwrap();
    let words = [
        "explain",
        "--config",
        "config.toml",
        "--pattern",
        "own",
        "GET / 200",
    ];
    let ended = run(dir.path(), words, "");
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn a_directory_that_cannot_be_written_to_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let ended = run(dir.path(), ["generate", "man", "file"], "");
    assert_eq!(ended.code, Some(74), "{ended:?}");
    assert!(ended.err.contains("cannot write into file"), "{ended:?}");
}
