// A TLS server (net::TlsTransport over memory) and a client that is OpenSSL alone. The last octet of the input chooses
// the version and whether a session is resumed. The rest is a script; each line is a letter and a number N:
//
//   client       w N  write N octets       e    close_notify      k    change keys       n    renegotiate (TLS 1.2)
//                f    FIN                  r    reset             y    stop reading, or go on
//   its records  d N  deliver N octets     D    deliver all       u N  send record N twice
//                s N  swap N and N + 1     c N  drop record N     x N  change octet N    i N  insert the line's rest
//   server       g    go on reading        p    pause             W N  write N octets    A N  write at once
//                P N  cut writes           S    end its side      q    close             z    reset
//   both         t    a turn               b N  small buffers     o    writes are done together with others
//
// Octet number i of each direction is a function of i, so that what arrives can be checked without being kept.
//
// Rules, whatever is done to the client's records:
//   - what the application reads is the beginning of what the client wrote; a clean end comes after all of it, and only
//     if the client has sent close_notify;
//   - nothing is reported after the end, after close(), or to a write that nobody waits for;
//   - no more octets count as written than were given, and the client decrypts exactly those;
//   - if nothing was damaged, everything arrives in both directions.
#include <openssl/ssl.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <deque>
#include <utility>

#include "net/memory_transport.hpp"
#include "target.hpp"
#include "tls_application.hpp"
#include "tls_client.hpp"

namespace proapi::fuzz::tls {
namespace {

constexpr std::uint32_t accepted_key_updates = 32;  // the server accepts more if the client also writes much
constexpr int max_lines = 400, max_turns = 10'000;

class Play {
public:
    Play(int version, SSL_SESSION* resumed)
        : Play(version, resumed, net::MemoryTransport::make_pair(shared().reactor)) {}

    void step(std::string_view line);
    // Lets both sides finish, and checks that nothing is missing.
    void finish();
    [[nodiscard]] SSL* client() const { return client_.ssl(); }

private:
    Play(int version, SSL_SESSION* resumed, net::MemoryTransport::Pair ends)
        : server_end_(*ends.first),
          client_end_(std::move(ends.second)),
          client_(*client_end_, version, resumed),
          application_(std::move(ends.first), client_) {}

    void turn() {
        shared().reactor.turn(net::Duration(0));
        client_.pump();
    }
    bool step_of_client(char what, std::size_t number);
    bool step_of_network(char what, std::size_t number, std::string_view text);
    void step_of_server(char what, std::size_t number);
    void deliver(std::size_t count);
    void behave(std::size_t buffer_bytes);
    // Whether anything has happened since the last call.
    bool has_moved();

    net::MemoryTransport& server_end_;  // the application's
    std::unique_ptr<net::MemoryTransport> client_end_;
    Client client_;
    Application application_;
    bool is_damaged_ = false, has_fin_ = false, are_writes_together_ = false;
    std::array<std::uint64_t, 4> seen_{};
};

void Play::step(std::string_view line) {
    if (line.empty()) return;
    const char what = line.front();
    std::size_t number = 0;
    line.remove_prefix(std::min<std::size_t>(2, line.size()));
    const auto parsed = std::from_chars(line.data(), line.data() + line.size(), number);
    line.remove_prefix(static_cast<std::size_t>(parsed.ptr - line.data()));
    if (step_of_client(what, number) || step_of_network(what, number, line)) return;
    step_of_server(what, number);
}

bool Play::step_of_client(char what, std::size_t number) {
    switch (what) {
        case 'w':
            client_.write(number % max_write_bytes);
            return true;
        case 'e':
            client_.close_notify();
            return true;
        case 'k':
            client_.update_keys();
            return true;
        case 'n':
            client_.renegotiate();
            return true;
        case 'f':
            has_fin_ = true;
            client_end_->shutdown_write();
            return true;
        case 'r':
            is_damaged_ = true;
            client_end_->close(Transport::CloseMode::reset);
            return true;
        case 'y':
            if (client_end_->is_open()) client_.read(!client_.is_reading());
            return true;
        default:
            return false;
    }
}

bool Play::step_of_network(char what, std::size_t number, std::string_view text) {
    std::deque<std::string>& records = client_.records;
    const auto at = [&] { return records.begin() + static_cast<std::ptrdiff_t>(number); };
    switch (what) {
        case 'd':
            deliver(number);
            return true;
        case 'D':
            deliver(max_octets);
            return true;
        case 't':
            turn();
            return true;
        case 'i':
            number = std::min(number, records.size());
            records.emplace(at(), text);
            is_damaged_ = true;
            return true;
        case 'x':
            for (std::string& record : records) {
                if (number < record.size()) {
                    record[number] = static_cast<char>(record[number] ^ (text.empty() ? 1 : text.back() | 1));
                    is_damaged_ = true;
                    break;
                }
                number -= record.size();
            }
            return true;
        case 'u':
        case 'c':
        case 's':
            if (number + (what == 's' ? 1 : 0) >= records.size()) return true;
            is_damaged_ = true;
            if (what == 'u') records.insert(at(), std::string(*at()));
            if (what == 'c') records.erase(at());
            if (what == 's') std::swap(*at(), *(at() + 1));
            return true;
        default:
            return false;
    }
}

void Play::step_of_server(char what, std::size_t number) {
    switch (what) {
        case 'g':
        case 'p':
            if (application_.is_open()) application_.read(what == 'g');
            return;
        case 'W':
        case 'A':
            application_.write(number % max_write_bytes, what == 'A');
            return;
        case 'P':
            application_.piece_bytes = 1 + number % max_write_bytes;
            return;
        case 'S':
            is_damaged_ = is_damaged_ || !application_.is_established();  // the handshake ends with its FIN
            application_.end_its_side();
            return;
        case 'q':
            return application_.close(Transport::CloseMode::orderly);
        case 'z':
            return application_.close(Transport::CloseMode::reset);
        case 'o':
            are_writes_together_ = !are_writes_together_;
            return behave(server_end_.behaviour().send_buffer_bytes);
        case 'b':
            return behave(number);
        default:
            return;
    }
}

void Play::deliver(std::size_t count) {
    std::deque<std::string>& records = client_.records;
    while (!records.empty() && count > 0 && !has_fin_ && client_end_->is_open()) {
        std::string& record = records.front();
        const base::Bytes octets = base::as_bytes(std::string_view(record).substr(0, count));
        const std::size_t taken = client_end_->write_at_once({&octets, 1});
        record.erase(0, taken);
        if (!record.empty()) return;
        records.pop_front();
        count -= taken;
    }
}

void Play::behave(std::size_t buffer_bytes) {
    if (!application_.is_open() || !client_end_->is_open()) return;
    const std::size_t some = std::max<std::size_t>(buffer_bytes, 1);
    using Writes = net::MemoryBehaviour::Writes;
    server_end_.set_behaviour({.send_buffer_bytes = buffer_bytes,
                               .max_read_bytes = some,
                               .max_write_bytes = some,
                               .writes = are_writes_together_ ? Writes::together : Writes::at_once});
    client_end_->set_behaviour({.receive_buffer_bytes = buffer_bytes});
}

bool Play::has_moved() {
    const std::array<std::uint64_t, 4> now{client_.received, application_.received, application_.written,
                                           client_.records.size()};
    return std::exchange(seen_, now) != now;
}

void Play::finish() {
    behave(net::MemoryBehaviour{}.send_buffer_bytes);
    if (client_end_->is_open()) client_.read(true);
    if (application_.is_open()) application_.read(true);
    for (int quiet = 0, turns = 0; quiet < 10; ++turns) {
        check(turns < max_turns, "both sides come to rest");
        deliver(max_octets);
        application_.write(application_.left_to_write(), false);
        turn();
        quiet = has_moved() ? 0 : quiet + 1;
    }
    const bool is_polite = !client_.is_rude && client_.key_updates <= accepted_key_updates;
    if (is_damaged_ || !is_polite || !application_.is_open() || !client_.records.empty()) return;
    check(application_.received == client_.written, "everything arrives that the client has written");
    check(client_.received == application_.written, "everything arrives that counts as written");
    check(application_.left_to_write() == 0 || has_fin_, "everything is written");
    if (client_.has_closed) check(application_.end == 0, "close_notify is a clean end");
    if (has_fin_ && !client_.has_closed) check(application_.end == ECONNRESET, "FIN alone is no clean end");
}

// The session of a handshake that nobody disturbs. The server's tickets resume it as often as needed.
SSL_SESSION* session_of(int version) {
    Play play(version, nullptr);
    play.step("W 1");
    play.finish();
    return SSL_get1_session(play.client());
}

}  // namespace
}  // namespace proapi::fuzz::tls

PROAPI_FUZZ_TARGET(tls_records) {
    using namespace proapi::fuzz::tls;
    static_cast<void>(shared());
    static SSL_SESSION* const sessions[] = {session_of(TLS1_3_VERSION), session_of(TLS1_2_VERSION)};
    Randomness::begin();
    const unsigned kind = input.take_octet();
    const bool is_tls_1_2 = (kind & 1) != 0;
    Play play(is_tls_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION, (kind & 2) != 0 ? nullptr : sessions[is_tls_1_2 ? 1 : 0]);
    for (int lines = 0; !input.empty() && lines < max_lines; ++lines) play.step(input.take_line());
    play.finish();
}
