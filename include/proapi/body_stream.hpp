// BodyStream: the body of a request, read in parts while it arrives. A handler that takes one is called as soon as the
// request's head has arrived:
//
//   app.post("/upload", [](proapi::Request request, proapi::BodyStream body) -> proapi::Task<> {
//       while (auto part = co_await body.read()) save(*part);
//   }, {.max_body_size = 4ull << 30});
//
// Until the first read() a client that waits for "100-continue" sends no body. While the handler does not read, the
// client is held back. If the handler ends before the body does, the connection ends after the response.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "proapi/request.hpp"
#include "proapi/task.hpp"

namespace proapi {

namespace detail {

// Waits until a part of the body has arrived.
class ReadBodyOperation final : public Operation {
public:
    explicit ReadBodyOperation(std::shared_ptr<const RequestState> state) noexcept : state_(std::move(state)) {}
    ReadBodyOperation(ReadBodyOperation&&) noexcept = default;
    ~ReadBodyOperation() override = default;
    [[nodiscard]] bool await_ready();
    void await_suspend(std::coroutine_handle<> waiting);
    std::optional<std::string> await_resume() const;

private:
    std::shared_ptr<const RequestState> state_;
};

}  // namespace detail

class BodyStream {
public:
    // Returns the octets that have arrived since the last call, once there are any; nullopt after the last. Throws
    // ClientDisconnect if the client has left, and HTTPException if the body is longer than max_body_size (413), came
    // too slowly (408) or is malformed (400). On the handler's thread, by one task at a time; otherwise it throws
    // std::logic_error.
    [[nodiscard]] detail::ReadBodyOperation read() const { return detail::ReadBodyOperation(state_); }

    // Reads the whole body as a form, in place of read(), in constant memory: once its files have more than 1 MiB
    // together, the others go to one temporary file, which has no name and is gone when no copy of its files is left.
    // The text fields of a urlencoded form are bounded in the same way. Throws what read() throws, HTTPException(415)
    // for another type of body, 400 for a malformed form or 400 and 413 for one beyond a limit, and std::system_error
    // if the disk is full, for example.
    [[nodiscard]] Task<FormData> form(const FormOptions& options = {}) const;

    explicit BodyStream(const Request& request) noexcept : state_(request.state_) {}

private:
    std::shared_ptr<const detail::RequestState> state_;
};

}  // namespace proapi
