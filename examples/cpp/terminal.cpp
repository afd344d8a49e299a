// A shell in a web page: octets in both directions are those of a terminal, text messages are commands about it.
//
// The size of the window is in the URL, ws://127.0.0.1:8000/terminal?rows=24&cols=80, and changes by the message
// {"type": "resize", "rows": 40, "cols": 120}. Whoever knows the token has the rights of the user who runs the program.
// Pages can't set headers of a handshake, so it comes as a subprotocol: new WebSocket(url, ["bearer." + token]).
#include <openssl/crypto.h>
#include <poll.h>
#include <pty.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <proapi/proapi.hpp>
#include <random>
#include <span>
#include <string>
#include <system_error>
#include <thread>

using namespace std::chrono_literals;
using Rows = proapi::Query<int, "rows", 24>;
using Cols = proapi::Query<int, "cols", 80>;

constexpr std::size_t MOST_BUFFERED = 256 * 1024;

// A shell on a new terminal.
class Shell {
public:
    Shell(unsigned short rows, unsigned short cols) {
        int slave = -1;
        winsize size{rows, cols, 0, 0};
        if (openpty(&master_.number, &slave, nullptr, nullptr, &size) != 0) fail("openpty");
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        for (const int standard : {0, 1, 2}) posix_spawn_file_actions_adddup2(&actions, slave, standard);
        posix_spawn_file_actions_addclosefrom_np(&actions, 3);
        const char* const named = std::getenv("SHELL");
        std::string shell = named ? named : "/bin/sh";
        // setsid --ctty makes the terminal that of the shell, so that Ctrl-C and jobs work.
        char program[] = "setsid", option[] = "--ctty";
        char* const arguments[] = {program, option, shell.data(), nullptr};
        const int error = posix_spawnp(&session_.leader, program, &actions, nullptr, arguments, environ);
        posix_spawn_file_actions_destroy(&actions);
        close(slave);
        if (error != 0) throw std::system_error(error, std::generic_category(), program);
    }
    Shell(Shell&&) = delete;
    // Returns what the terminal shows next; nothing once the shell has ended or stop() was called.
    std::span<const std::byte> read() {
        std::array<pollfd, 2> events{{{master_.number, POLLIN, 0}, {stop_.number, POLLIN, 0}}};
        if (poll(events.data(), events.size(), -1) < 0 || events[1].revents != 0) return {};
        const ssize_t count = ::read(master_.number, shown_.data(), shown_.size());  // Linux reports the end as EIO
        return {shown_.data(), static_cast<std::size_t>(count > 0 ? count : 0)};
    }
    void stop() { eventfd_write(stop_.number, 1); }
    // Waits while the program in the terminal does not read.
    void write(std::span<const std::byte> octets) {
        while (!octets.empty()) {
            const ssize_t count = ::write(master_.number, octets.data(), octets.size());
            if (count < 0) fail("write");
            octets = octets.subspan(static_cast<std::size_t>(count));
        }
    }
    void resize(unsigned short rows, unsigned short cols) {
        const winsize size{rows, cols, 0, 0};
        if (ioctl(master_.number, TIOCSWINSZ, &size) != 0) fail("ioctl");
    }

private:
    struct Descriptor {
        int number;
        ~Descriptor() { close(number); }
    };
    struct Session {
        pid_t leader;
        ~Session() {
            if (leader > 0 && kill(-leader, SIGHUP) == 0) waitpid(leader, nullptr, 0);
        }
    };
    [[noreturn]] static void fail(const char* call) { throw std::system_error(errno, std::generic_category(), call); }

    Session session_{-1};  // hangs up after its terminal is closed
    Descriptor master_{-1};
    const Descriptor stop_{eventfd(0, EFD_CLOEXEC)};
    std::array<std::byte, 16 * 1024> shown_;
};

struct StopAtEnd {
    Shell& shell;
    ~StopAtEnd() { shell.stop(); }
};

// Sends what the terminal shows. A slow page makes the program that writes wait.
void show(Shell& shell, const proapi::WebSocket& websocket) {
    for (auto octets = shell.read(); !octets.empty(); octets = shell.read()) {
        while (!websocket.closed() && websocket.buffered_amount() > MOST_BUFFERED) std::this_thread::sleep_for(5ms);
        websocket.send_bytes(octets);
    }
    websocket.close(1000, "the shell has ended");
}

std::string make_token() {
    if (const char* const given = std::getenv("TERMINAL_TOKEN")) return given;
    std::random_device random;
    std::string token;
    while (token.size() < 32) token += std::to_string(random());
    return token;
}

unsigned short checked(std::int64_t size, const char* parameter) {
    if (size >= 1 && size <= 1000) return static_cast<unsigned short>(size);
    const proapi::Json fault = {{"type", "value_error"}, {"loc", {"query", parameter}}, {"msg", "Expected 1 to 1000"}};
    throw proapi::RequestValidationError(proapi::Json::array({fault}));
}

int main() {
    proapi::ProAPI app;
    const std::string token = make_token(), expected = "bearer." + token;

    app.websocket("/terminal", [&](proapi::WebSocket websocket, Rows rows, Cols cols) -> proapi::Task<> {
        const auto& offered = websocket.subprotocols();
        const auto known = std::find_if(offered.begin(), offered.end(), [&](const std::string& each) {
            return each.size() == expected.size() && CRYPTO_memcmp(each.data(), expected.data(), each.size()) == 0;
        });
        if (known == offered.end()) throw proapi::HTTPException(401, "Expected the subprotocol bearer.<token>.");
        const auto shell = std::make_shared<Shell>(checked(*rows, "rows"), checked(*cols, "cols"));
        co_await websocket.accept(*known);
        // The last who holds the shell ends it: this thread, which may wait for it.
        std::thread([shell, websocket] { show(*shell, websocket); }).detach();
        const StopAtEnd stop_at_end{*shell};
        while (auto message = co_await websocket.next()) {
            if (auto* typed = std::get_if<proapi::Bytes>(&*message)) {
                const auto write = [shell, octets = std::move(*typed)] { shell->write(octets); };
                co_await proapi::to_thread(write);
            } else {
                const proapi::Json resize = proapi::parse_json(std::get<std::string>(*message));
                shell->resize(checked(resize.at("rows"), "rows"), checked(resize.at("cols"), "cols"));
            }
        }
    });

    std::cout << "The token is " << token << std::endl;
    app.run_or_exit();
}
