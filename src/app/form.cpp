#include "app/form.hpp"

#include <fcntl.h>

#include <utility>

#include "app/temporary_file.hpp"
#include "base/descriptor.hpp"
#include "http/form.hpp"
#include "http/form_reader.hpp"
#include "proapi/to_thread.hpp"

namespace proapi {

namespace detail {

namespace {

constexpr std::size_t memory_bytes = 1 << 20;   // of the files of a form; the others go to the disk
constexpr std::size_t written_bytes = 1 << 18;  // at once

// The files of one form, one after the other: in memory up to a limit, and beyond it in one temporary file for all of
// them, so that a thousand files need neither much memory nor many descriptors.
class FormFiles {
public:
    void begin(const http::PartHead& head) {
        files_.emplace_back();
        UploadFile& file = files_.back().file;
        file.name = head.name;
        file.filename = *head.filename;
        file.content_type = head.content_type;
    }
    // Appends to the last file. Returns whether write() is to be called.
    [[nodiscard]] bool add(std::string_view data) {
        Kept& last = files_.back();
        if (!last.is_on_disk && data.size() <= memory_left_) {
            memory_left_ -= data.size();
            last.memory.append(data);
            return false;
        }
        if (!last.is_on_disk) {
            memory_left_ += last.memory.size();
            last.is_on_disk = true;
            last.begin = disk_size_;
            add_to_disk(std::exchange(last.memory, {}));
        }
        add_to_disk(data);
        last.size = disk_size_ - last.begin;
        return unwritten_.size() >= written_bytes;
    }
    // Writes what belongs to the disk, in a thread.
    [[nodiscard]] Task<> write() {
        auto append = [disk = disk_, octets = std::exchange(unwritten_, {})] { disk->append(octets); };
        co_await to_thread(std::move(append));
    }
    [[nodiscard]] Task<std::vector<UploadFile>> finish() {
        std::string_view on_disk;
        if (disk_size_ > 0) {
            co_await write();
            auto map = [disk = disk_] { return disk->map(); };
            on_disk = co_await to_thread(std::move(map));
        }
        std::vector<UploadFile> files;
        files.reserve(files_.size());
        for (Kept& kept : files_) {
            if (kept.is_on_disk) {
                kept.file.data = on_disk.substr(kept.begin, kept.size);
                kept.file.owner = disk_;
                kept.file.disk = disk_;
            } else if (!kept.memory.empty()) {
                const auto memory = std::make_shared<const std::string>(std::move(kept.memory));
                kept.file.data = *memory;
                kept.file.owner = memory;
            }
            files.push_back(std::move(kept.file));
        }
        co_return files;
    }

private:
    struct Kept {
        UploadFile file;
        std::string memory;
        bool is_on_disk = false;
        std::size_t begin = 0, size = 0;
    };

    void add_to_disk(std::string_view data) {
        unwritten_.append(data);
        disk_size_ += data.size();
    }

    std::vector<Kept> files_;
    std::size_t memory_left_ = memory_bytes;
    std::string unwritten_;
    std::size_t disk_size_ = 0;
    const std::shared_ptr<TemporaryFile> disk_ = std::make_shared<TemporaryFile>();
};

[[nodiscard]] http::FormLimits make_limits(const FormOptions& options) {
    http::FormLimits limits;
    limits.max_files = options.max_files;
    limits.max_fields = options.max_fields;
    limits.max_text_bytes = options.max_part_size;
    return limits;
}

class MultipartForm {
public:
    MultipartForm(std::string_view boundary, const FormOptions& options) : reader_(boundary, make_limits(options)) {}

    [[nodiscard]] Task<> add(std::string octets) {
        reader_.feed(octets);
        co_await take_events();
    }
    [[nodiscard]] Task<FormData> finish() {
        reader_.finish();
        co_await take_events();
        FormData form;
        form.fields = Params(std::move(fields_));
        form.files = co_await files_.finish();
        co_return form;
    }

private:
    Task<> take_events() {
        while (true) {
            const auto event = reader_.next();
            if (!event) throw make_exception(event.error());
            switch (*event) {
                case http::FormEvent::need_data:
                case http::FormEvent::end:
                    co_return;
                case http::FormEvent::field:
                    fields_.push_back(std::move(reader_.field()));
                    break;
                case http::FormEvent::file:
                    files_.begin(reader_.file());
                    break;
                case http::FormEvent::data:
                    if (files_.add(reader_.data())) co_await files_.write();
                    break;
                case http::FormEvent::file_end:
                    break;
            }
        }
    }

    http::FormReader reader_;
    std::vector<Params::Field> fields_;
    FormFiles files_;
};

Task<FormData> read_multipart(BodyStream body, std::string boundary, FormOptions options) {
    MultipartForm form(boundary, options);
    while (auto part = co_await body.read()) co_await form.add(*std::move(part));
    co_return co_await form.finish();
}

Task<FormData> read_urlencoded(BodyStream body, std::string content_type, FormOptions options) {
    std::string text;
    while (text.size() <= options.max_part_size) {  // beyond it, parse_form() says what is wrong
        const auto part = co_await body.read();
        if (!part) break;
        text += *part;
    }
    auto form = http::parse_form(content_type, text, options.max_part_size);
    if (!form) throw make_exception(form.error());
    co_return FormData{Params(std::move(form->fields)), {}};
}

}  // namespace

HTTPException make_exception(const http::Error& error) {
    return {error.status(), "The body: " + error.text};
}

Task<FormData> read_form(BodyStream body, std::string content_type, FormOptions options) {
    auto boundary = http::find_boundary(content_type);
    if (!boundary) throw make_exception(boundary.error());
    if (!*boundary) return read_urlencoded(std::move(body), std::move(content_type), options);
    return read_multipart(std::move(body), **std::move(boundary), options);
}

}  // namespace detail

Task<> UploadFile::save(std::filesystem::path path) const {
    auto write = [file = *this, path = std::move(path)] {
        const base::Descriptor target(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
        if (!target) base::throw_errno(path.c_str());
        if (file.disk) {
            file.disk->copy_to(target.get(), file.data);
        } else {
            detail::write_all(target.get(), file.data);
        }
    };
    return to_thread(std::move(write));
}

}  // namespace proapi
