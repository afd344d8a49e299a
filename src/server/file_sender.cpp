#include "server/file_sender.hpp"

#include "server/server.hpp"

namespace proapi::server {

namespace {

constexpr std::size_t part_bytes = 64 * 1024;

}  // namespace

std::unique_ptr<FileSender> FileSender::make(Connection& connection) {
    std::unique_ptr<FileSender> made(new FileSender(connection));
    made->is_counted_ = connection.server().limit().take_file();
    return made->is_counted_ ? std::move(made) : nullptr;
}

FileSender::~FileSender() {
    if (is_counted_) connection_.server().limit().give_file_back();
}

void FileSender::start(FileBody file) {
    net::FileHandler& handler = *this;
    file_.emplace(connection_.server().file_threads(), std::move(file.file), file.offset, file.length, handler);
}

FileSender::Progress FileSender::pump() {
    const base::OutputQueue& output = connection_.protocol()->output();
    const std::uint64_t high_water = connection_.server().settings().high_water;
    while (file_ && !has_failed_ && file_->remaining() > 0) {
        if (file_->is_reading() || output.size_bytes() >= high_water) return Progress::sending;
        if (const auto read = file_->read(part_bytes)) take(*read);
    }
    return !file_ ? Progress::sending : has_failed_ ? Progress::failed : Progress::sent;
}

void FileSender::take(const net::FileRead& read) {
    if (read.error != 0)
        connection_.server().log_limited(LogLevel::error, "a file's sending was cut: " + net::error_text(read.error));
    has_failed_ = read.octets.empty();
    if (!has_failed_) connection_.protocol()->output().append(read.octets);
    connection_.flush_soon();
}

void FileSender::on_file_read(const net::FileRead& read) {
    connection_.contain([&] { take(read); });
}

}  // namespace proapi::server
