#include "server/file_sender.hpp"

#include "server/server.hpp"

namespace proapi::server {

namespace {

constexpr std::size_t part_bytes = 64 * 1024;
// What one turn compresses: a few octets may be all that is left of a part, so that the output does not become full.
constexpr int max_encoded_parts = 4;

}  // namespace

// A file thread may hold the last reference.
struct FileSender::CountedFile {
    explicit CountedFile(std::shared_ptr<SharedLimit> its_limit) noexcept : limit(std::move(its_limit)) {}
    ~CountedFile() {
        file.reset();
        if (is_counted) limit->give_file_back();
    }
    const std::shared_ptr<SharedLimit> limit;
    base::Descriptor file;
    bool is_counted = false;
};

std::unique_ptr<FileSender> FileSender::make(Connection& connection) {
    auto file = std::make_shared<CountedFile>(connection.server().limit());
    std::unique_ptr<FileSender> made(new FileSender(connection, file));
    file->is_counted = file->limit->take_file();
    return file->is_counted ? std::move(made) : nullptr;
}

void FileSender::start(service::FileBody file, const http::BodyEncoder& framing) {
    framing_ = framing;
    encoded_by_ = file.encoded_by;
    file_->file = std::move(file.file);
    net::FileHandler& handler = *this;
    stream_.emplace(connection_.server().file_threads(), std::shared_ptr<const base::Descriptor>(file_, &file_->file),
                    file.offset, file.length, handler);
}

FileSender::Progress FileSender::pump() {
    const base::OutputQueue& output = connection_.protocol()->output();
    const std::uint64_t high_water = connection_.server().settings().high_water;
    for (int parts = 0; stream_ && !has_failed_ && stream_->remaining() > 0; ++parts) {
        if (stream_->is_reading() || output.size_bytes() >= high_water) return Progress::sending;
        if (encoded_by_ && parts == max_encoded_parts) {
            connection_.flush_soon();
            return Progress::sending;
        }
        if (const auto read = stream_->read(part_bytes)) take(*read);
    }
    return !stream_ ? Progress::sending : has_failed_ ? Progress::failed : Progress::sent;
}

void FileSender::take(const net::FileRead& read) {
    if (read.error != 0)
        connection_.server().log_limited(service::LogLevel::error, "a file was cut: " + base::error_text(read.error));
    has_failed_ = read.octets.empty();
    if (!has_failed_) append(read.octets);
    connection_.flush_soon();
}

void FileSender::append(const base::Slice& octets) {
    base::OutputQueue& output = connection_.protocol()->output();
    if (!encoded_by_) return output.append(octets);
    const std::string encoded = encoded_by_->encode_file(octets.bytes(), stream_->remaining() == 0);
    if (!encoded.empty()) framing_.write(base::as_bytes(encoded), output);
}

void FileSender::on_file_read(const net::FileRead& read) {
    connection_.contain([&] { take(read); });
}

}  // namespace proapi::server
