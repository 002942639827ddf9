"""Programs that try what the sandbox must not allow, one per language: each says what it could do, then `REPORT`."""

REPORT = "contained"
"""What a probe prints last; before that it names everything that it could do and should not."""

C = """
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void attempt(const char *what, int succeeded) {
    if (succeeded) printf("could %s\\n", what);
}

int main(void) {
    attempt("read /etc/passwd", open("/etc/passwd", O_RDONLY) >= 0);
    attempt("write to /tmp", open("/tmp/halo-forge-canary", O_WRONLY | O_CREAT, 0600) >= 0);
    attempt("open a socket", socket(AF_INET, SOCK_STREAM, 0) >= 0);
    attempt("signal everyone", kill(-1, 0) == 0);
    int child = fork();
    if (child == 0) _exit(0);
    attempt("start a process", child > 0);
    fflush(stdout);
    execl("/bin/true", "true", (char *)0);
    puts("contained");
    return 0;
}
"""
RUST = """
use std::{fs::File, net::TcpListener, process::Command};

fn attempt(what: &str, succeeded: bool) {
    if succeeded {
        println!("could {what}");
    }
}

fn main() {
    attempt("read /etc/passwd", File::open("/etc/passwd").is_ok());
    attempt("write to /tmp", File::create("/tmp/halo-forge-canary").is_ok());
    attempt("open a socket", TcpListener::bind("127.0.0.1:0").is_ok());
    attempt("start a process", Command::new("/bin/true").spawn().is_ok());
    println!("contained");
}
"""
GO = """
package main

import (
	"fmt"
	"os"
	"syscall"
)

func attempt(what string, err error) {
	if err == nil {
		fmt.Println("could", what)
	}
}

func main() {
	_, err := os.Open("/etc/passwd")
	attempt("read /etc/passwd", err)
	_, err = os.Create("/tmp/halo-forge-canary")
	attempt("write to /tmp", err)
	_, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	attempt("open a socket", err)
	_, err = syscall.ForkExec("/bin/true", []string{"true"}, &syscall.ProcAttr{})
	attempt("start a process", err)
	fmt.Println("contained")
}
"""
JAVA = """
import java.io.FileReader;
import java.io.FileWriter;
import java.net.ServerSocket;

public class Main {
    interface Attempt { void run() throws Throwable; }

    static void attempt(String what, Attempt attempt) {
        try {
            attempt.run();
            System.out.println("could " + what);
        } catch (Throwable refused) {
        }
    }

    public static void main(String[] args) {
        attempt("read /etc/passwd", () -> new FileReader("/etc/passwd").close());
        attempt("write to /tmp", () -> new FileWriter("/tmp/halo-forge-canary").close());
        attempt("open a socket", () -> new ServerSocket(0).close());
        attempt("start a process", () -> Runtime.getRuntime().exec("/bin/true").waitFor());
        System.out.println("contained");
    }
}
"""
JAVASCRIPT = """
const fs = require("fs");
const { spawnSync } = require("child_process");

function attempt(what, action) {
    try {
        action();
        console.log("could " + what);
    } catch (refused) {
    }
}

attempt("read /etc/passwd", () => fs.readFileSync("/etc/passwd"));
attempt("write to /tmp", () => fs.writeFileSync("/tmp/halo-forge-canary", ""));
attempt("start a process", () => { const { error } = spawnSync("/bin/true"); if (error) throw error; });
attempt("signal its parent", () => process.kill(process.ppid, 0));
const server = require("net").createServer();
server.on("error", () => console.log("contained"));
server.listen(0, "127.0.0.1", () => { console.log("could open a socket"); server.close(); });
"""
