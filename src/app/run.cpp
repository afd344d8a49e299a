// app.run() and run_or_exit(): serve until a signal arrives, and set the process's exit status.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): POSIX, beyond <csignal>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <thread>

#include "app/log.hpp"
#include "app/running_workers.hpp"
#include "base/descriptor.hpp"
#include "proapi/pro_api.hpp"

namespace proapi {

namespace {

// Shared with the signal handler, which may use little else.
volatile sig_atomic_t wake_pipe = -1;
volatile sig_atomic_t signals_seen = 0;
volatile sig_atomic_t reload_waits = 0;  // in the pipe, which must not fill: the handler would wait for its reader
volatile pid_t serving_process = -1;
std::atomic<pid_t> running_process = 0;

constexpr char stop_request = 's', reload_request = 'r';

void on_signal(int number) {
    if (::getpid() != serving_process) {  // a child that a handler forked: the pipe belongs to the parent
        ::signal(number, SIG_DFL);
        ::raise(number);  // delivered when this handler returns
        return;
    }
    const bool is_reload = number == SIGHUP;
    if (!is_reload && signals_seen != 0) ::_exit(128 + number);
    if (is_reload && reload_waits != 0) return;
    (is_reload ? reload_waits : signals_seen) = 1;
    const int kept = errno;
    const char octet = is_reload ? reload_request : stop_request;
    [[maybe_unused]] const auto written = ::write(wake_pipe, &octet, 1);
    errno = kept;
}

// SIGINT and SIGTERM end wait(). The destructor restores the previous actions.
class Signals {
public:
    Signals() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("can't make a pipe: " + base::error_text(errno));
        read_end_ = base::Descriptor(ends[0]);
        write_end_ = base::Descriptor(ends[1]);
        if (running_process.exchange(::getpid()) == ::getpid())
            throw std::runtime_error(
                "run(): expected one run() at a time in a process, got another while it serves; start() can serve "
                "beside it");
        wake_pipe = ends[1];
        signals_seen = 0;
        reload_waits = 0;
        serving_process = ::getpid();
        struct sigaction action{};
        action.sa_handler = on_signal;
        action.sa_flags = SA_RESTART;
        handle(SIGINT, action, old_int_);
        handle(SIGTERM, action, old_term_);
        // A log that is a pipe may lose its reader: that must fail one write, not end the server.
        action.sa_handler = SIG_IGN;
        ::sigaction(SIGPIPE, &action, &old_pipe_);
    }
    ~Signals() {
        if (old_hangup_) ::sigaction(SIGHUP, &*old_hangup_, nullptr);
        ::sigaction(SIGINT, &old_int_, nullptr);
        ::sigaction(SIGTERM, &old_term_, nullptr);
        ::sigaction(SIGPIPE, &old_pipe_, nullptr);
        wake_pipe = -1;
        running_process = 0;
    }
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    // From now on SIGHUP makes wait() call its argument.
    void handle_hangup() {
        struct sigaction action{};
        action.sa_handler = on_signal;
        action.sa_flags = SA_RESTART;
        handle(SIGHUP, action, old_hangup_.emplace());
    }

    template <class Reload>
    void wait(Reload&& reload) const {
        char request = reload_request;
        while (request == reload_request) {
            // Signals end poll(), but not read(). ThreadSanitizer runs a handler when a call has ended.
            pollfd readable{.fd = read_end_.get(), .events = POLLIN, .revents = 0};
            if (::poll(&readable, 1, -1) < 0 && errno == EINTR) continue;
            const ssize_t count = ::read(read_end_.get(), &request, 1);
            if (count == 1 && request == reload_request) {
                reload_waits = 0;
                reload();
            }
            if (count < 0 && errno != EINTR) return;
        }
    }

private:
    // An ignored signal (of a background job, or because of nohup) stays ignored.
    static void handle(int number, const struct sigaction& action, struct sigaction& old) {
        ::sigaction(number, &action, &old);
        if (old.sa_handler == SIG_IGN) ::sigaction(number, &old, nullptr);
    }

    base::Descriptor read_end_, write_end_;
    struct sigaction old_int_{}, old_term_{}, old_pipe_{};
    std::optional<struct sigaction> old_hangup_;
};

}  // namespace

std::size_t ProAPI::serve_until_signal(const RunOptions& options) {
    Signals signals;
    RunningServer server = start(options);
    if (server.workers_->is_secure()) signals.handle_hangup();
    std::cout << "ProAPI serves " << server.workers_->describe_addresses() << " (Ctrl-C stops)\n" << std::flush;
    signals.wait([&] { server.workers_->reload_certificates(); });
    server.stop();
    server.wait();
    const std::size_t busy = server.workers_->busy_threads();
    if (busy > 0) detail::logger().warn("{} sync handlers did not end within shutdown_timeout: left", busy);
    return busy;
}

void ProAPI::run(const RunOptions& options) {
    static_cast<void>(serve_until_signal(options));
}

void ProAPI::run_or_exit(const RunOptions& options) {
    try {
        if (serve_until_signal(options) == 0) return;
        std::cout.flush();
        std::_Exit(0);  // handlers that can't be interrupted still use objects that exit() would destroy
    } catch (const std::runtime_error& error) {
        std::cerr << "proapi: " << error.what() << "\n";
        std::exit(1);
    }
}

}  // namespace proapi
