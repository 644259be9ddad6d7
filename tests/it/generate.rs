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
