//! The `evenkeel` command: see client-side load balancing work, watch the endpoints of a real
//! service, or send it requests.

mod demo;
mod load;
mod screen;
mod watch;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Where completions go, for the three that most have.
const COMPLETIONS: &str = "\
bash: evenkeel completions bash > ~/.local/share/bash-completion/completions/evenkeel
zsh:  evenkeel completions zsh > DIRECTORY_OF_FPATH/_evenkeel
fish: evenkeel completions fish > ~/.config/fish/completions/evenkeel.fish";

/// What a wrong command line exits with, as clap has it.
const USAGE: u8 = 2;

/// Client-side load balancing: a demo of it, a look at the endpoints of a real service, and a load
/// generator over them.
#[derive(Debug, Parser)]
#[command(name = "evenkeel", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a DNS server and HTTP backends on loopback ports, call them through the balancer, and
    /// break them
    Demo(demo::Args),
    /// Print the completions of a shell, to be put where it looks for them
    #[command(after_help = COMPLETIONS)]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Send requests to a service, spread over its endpoints, and print what became of them
    Load(load::Args),
    /// Print the endpoints of a service, from DNS, a file, an HTTP server, Consul, etcd or
    /// Kubernetes, and every change of them
    Watch(watch::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter =
        EnvFilter::builder().with_default_directive(LevelFilter::OFF.into()).from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    let result = match cli.command {
        Command::Demo(args) => demo::run(&args),
        Command::Completions { shell } => completions(shell),
        Command::Load(args) => load::run(&args),
        Command::Watch(args) => watch::run(&args),
    };
    match result {
        Ok(code) => code,
        // Whoever read our output has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            eprintln!("error: {error}\n\nFor more information, try '--help'.");
            ExitCode::from(USAGE)
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the completions of a shell.
fn completions(shell: Shell) -> io::Result<ExitCode> {
    // In one piece: whoever reads it may have seen enough.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "evenkeel", &mut script);
    io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
