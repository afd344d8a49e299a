// The application of the TLS target: it uses net::TlsTransport as the server's connections do, and checks each report
// against what transport.hpp says and against what the client has written.
#pragma once

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/tls_transport.hpp"
#include "tls_client.hpp"

namespace proapi::fuzz::tls {

using WriteState = net::WriteResult::State;

inline constexpr std::size_t max_write_bytes = 40'000;  // more than two records

class Application final : net::TransportHandler {
public:
    Application(std::unique_ptr<Transport> lower, const Client& client)
        : client_(client),
          transport_(shared().reactor, std::move(lower), shared().context, shared().context->make_session(), "plain") {
        transport_.start(*this);
        transport_.start_reading();
    }

    void read(bool goes_on) { goes_on ? transport_.start_reading() : transport_.stop_reading(); }
    // Offers at least what an earlier write has left: a transport may have begun with it.
    void write(std::size_t count, bool at_once) {
        if (!transport_.is_open() || has_shut_down_ || transport_.is_writing()) return;
        const std::size_t left = offered_.size();
        if (written + std::max(count, left) > max_octets) return;
        offered_ += octets_from(written + left, std::max(count, left) - left, of_server);
        if (offered_.empty()) return;
        std::vector<base::Bytes> pieces;
        for (std::string_view rest = offered_; !rest.empty();) {
            const std::size_t size = pieces.size() + 1 < Transport::max_pieces ? piece_bytes : rest.size();
            pieces.push_back(base::as_bytes(rest.substr(0, size)));
            rest.remove_prefix(std::min(size, rest.size()));
        }
        if (at_once) return count_written(transport_.write_at_once(pieces));
        const WriteResult result = transport_.write(pieces);
        check((result.state == WriteState::done) == !transport_.is_writing(),
              "the state of a write is what is_writing() says");
        take(result);
    }
    // Not before everything is written: what a write has left must be the next to be written.
    void end_its_side() {
        if (!transport_.is_open() || transport_.is_writing() || !offered_.empty()) return;
        has_shut_down_ = true;
        transport_.shutdown_write();
    }
    void close(Transport::CloseMode mode) {
        transport_.close(mode);
        offered_.clear();
        check(!transport_.is_open(), "what is closed is not open");
    }
    [[nodiscard]] bool is_open() const { return transport_.is_open(); }
    [[nodiscard]] bool is_established() const { return transport_.is_established(); }
    [[nodiscard]] std::size_t left_to_write() const { return offered_.size(); }

    std::size_t piece_bytes = max_write_bytes;
    std::uint64_t received = 0, written = 0;
    std::optional<int> end;  // of reading

private:
    void on_read(base::MutableBytes bytes) override {
        reported();
        check(!end, "nothing is read after the end");
        check(!bytes.empty(), "a read has octets");
        check(transport_.is_established(), "nothing is read before the handshake");
        check(continues(base::as_text(bytes), received, of_client), "what is read is what the client wrote");
        received += bytes.size();
        check(received <= client_.written, "no more is read than the client wrote");
        std::fill(bytes.begin(), bytes.end(), std::uint8_t{0});  // it may be changed in place
    }
    void on_peer_finished() override {
        reported();
        check(!std::exchange(has_peer_finished_, true), "the peer finishes once");
        check(!end, "the peer finishes before the end");
    }
    void on_read_end(int error) override {
        reported();
        check(!end, "reading ends once");
        end = error;
        if (error == EPROTO) check(!transport_.failure().empty(), "a failure has a text");
        if (error != 0) return;
        check(client_.has_closed, "without close_notify there is no clean end");
        check(received == client_.written, "a clean end comes after everything");
    }
    void on_write_done(const WriteResult& result) override {
        reported();
        check(std::exchange(awaited_, WriteState::done) == WriteState::together,
              "a write done together was waited for");
        take(result);
    }
    void on_written(std::size_t count) override {
        reported();
        check(count > 0, "a pending write ends with octets");
        check(std::exchange(awaited_, WriteState::done) == WriteState::pending, "a pending write was waited for");
        count_written(count);
    }
    void on_lost(int error) override {
        reported();
        check(error != 0, "a loss has an error");
        check(awaited_ == WriteState::pending || end.has_value(),
              "a loss is found by a write, or after the end of reading");
        close(Transport::CloseMode::reset);  // as the server does; a transport may report a loss again
    }

    void reported() const { check(transport_.is_open(), "nothing is reported after close()"); }
    void take(const WriteResult& result) {
        if (result.error != 0) {
            check(result.written == 0 && result.state == WriteState::done, "a write that fails has no result");
            offered_.clear();
            return;
        }
        check(result.state == WriteState::done || result.written == 0, "a write that goes on has written nothing yet");
        awaited_ = result.state;
        count_written(result.written);
    }
    void count_written(std::size_t count) {
        check(count <= offered_.size(), "no more is written than was given");
        offered_.erase(0, count);
        written += count;
    }

    const Client& client_;
    net::TlsTransport transport_;
    std::string offered_;  // given to the transport and not yet counted as written
    WriteState awaited_ = WriteState::done;
    bool has_shut_down_ = false, has_peer_finished_ = false;
};

}  // namespace proapi::fuzz::tls
