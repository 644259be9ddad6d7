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
fn help(dir: &Path, command: Option<&str>) -> String {
    let ended = run(dir, command.into_iter().chain(["--help"]), "");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.out
}

/// Returns the commands that the program's help lists.
fn commands(dir: &Path) -> Vec<String> {
    let help = help(dir, None);
    let list = help.split("Commands:\n").nth(1).unwrap();
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
    let commands = commands(dir.path());
    assert!(commands.contains(&"run".to_owned()), "{commands:?}");
    let mut expected: BTreeSet<String> = commands
        .iter()
        .map(|command| format!("httplog-exporter-{command}.1"))
        .collect();
    expected.insert("httplog-exporter.1".to_owned());
    assert_eq!(names(&out), expected);
    for command in commands.iter().map(Some).chain([None]) {
        let suffix = command.map_or(String::new(), |name| format!("-{name}"));
        let page = fs::read_to_string(out.join(format!("httplog-exporter{suffix}.1"))).unwrap();
        let page = page.replace("\\-", "-").replace("\\fB", " ");
        let asked = options(&help(dir.path(), command.map(String::as_str)));
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
    let commands = commands(dir.path());
    for name in expected {
        let text = fs::read_to_string(out.join(name)).unwrap();
        for command in &commands {
            assert!(text.contains(command.as_str()), "{command} in {name}");
        }
        assert!(!text.contains("generate"), "{name}");
    }
}

#[test]
fn bash_completes_a_command() {
    let dir = generated("completions");
    let mut bash = Command::new("bash");
    bash.current_dir(dir.path()).args([
        "-c",
        "source out/deep/httplog-exporter.bash
         COMP_WORDS=(httplog-exporter rep) COMP_CWORD=1
         function=$(complete -p httplog-exporter | grep -o -- '-F [^ ]*')
         \"${function#-F }\" httplog-exporter rep httplog-exporter
         echo \"${COMPREPLY[@]}\"",
    ]);
    let ended = run_command(bash, "");
    assert_eq!(ended.out, "replay\n", "{ended:?}");
}

#[test]
fn a_directory_that_cannot_be_written_to_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let ended = run(dir.path(), ["generate", "man", "file"], "");
    assert_eq!(ended.code, Some(74), "{ended:?}");
    assert!(ended.err.contains("cannot write into file"), "{ended:?}");
}
