// Bodies of multipart/form-data that arrive in pieces: the same parts as in one piece, and little memory.
#include "http/multipart_reader.hpp"

#include <gtest/gtest.h>
#include "http/form.hpp"
#include "http/multipart.hpp"

namespace proapi::http {
namespace {

const std::string field_a = "Content-Disposition: form-data; name=a\r\n\r\n";
const std::string file_f =
    "Content-Disposition: form-data; name=f; filename=g\r\nContent-Type: image/png\r\nX-More: y\r\n\r\n";

// Reads what has arrived. Returns false at the end, or after an error, which it adds to `out`.
bool read_all(MultipartReader& reader, std::string& out) {
    while (true) {
        const auto event = reader.next();
        if (!event) {
            out += "error: " + event.error().text;
            return false;
        }
        switch (*event) {
            case MultipartEvent::need_data:
                return true;
            case MultipartEvent::part:
                out += "part " + std::to_string(reader.part_number()) + " " + reader.head().name + " " +
                       reader.head().filename.value_or("-") + " " + reader.head().content_type + ": ";
                break;
            case MultipartEvent::data:
                EXPECT_FALSE(reader.data().empty());
                out += reader.data();
                break;
            case MultipartEvent::part_end:
                out += "|";
                break;
            case MultipartEvent::end:
                out += "end";
                return false;
        }
    }
}

// Returns what is read from a body that arrives in these pieces. Each is destroyed before the next one arrives.
std::string read_pieces(const std::vector<std::string>& pieces) {
    MultipartReader reader("X");
    std::string out;
    for (const std::string& piece : pieces) {
        const auto arrived = std::make_unique<std::string>(piece);
        reader.feed(*arrived);
        if (!read_all(reader, out)) return out;
    }
    reader.finish();
    read_all(reader, out);
    return out;
}

std::vector<std::string> in_pieces_of(std::size_t size, const std::string& body) {
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < body.size(); at += size) pieces.push_back(body.substr(at, size));
    return pieces;
}

const std::vector<std::string> bodies = {
    "",
    "--X",
    "--X--",
    "--X--\r\n",
    "a--X--\r\n",
    "a\r\n--X--\r\nepilogue\r\n--X\r\n",
    "--X\r\n" + field_a + "1\r\n--X--",
    "--X\r\n" + field_a + "1\r\n--X-- \t",
    "--X \t\r\n" + field_a + "1\r\n--X--\r\n",
    "--X\r\n" + field_a + "1\r\n--X\r\n" + file_f + "\r\n\r\n\r\n--X\r\n" + field_a + "\r\n--X--\r\n",
    "--X\r\n" + field_a + "--XY\r\n--XY--\r\n-\r\n--\r\n--X-\r\n--X--",
    "--X\r\n" + field_a + "--X--",
    "--X\r\n" + field_a + "\r\r\n\r\r\n--X\r\r\n--X--",
    "--X\r\nContent-Disposition: form-data; name=a\r\n--X--",
    "--X\r\n--X--",
    "--X\r\n\r\n--X--",
    "--X\r\nContent-Disposition: form-data\r\n\r\n1\r\n--X--",
    "--X\r\nX: y\nX: y\r\n\r\n1\r\n--X--",
    "--X\r\n" + field_a + "1\r\n--X",
    "--X\r\n" + field_a + "1\r\n--X-",
    "--X\r\n" + field_a + "1",
    "--X\r\nContent-Disp",
    "--X\r\nX: " + std::string(max_part_head_bytes, 'y') + "\r\n\r\n1\r\n--X--",
};

TEST(MultipartReader, HoweverABodyIsCutItsPartsAreTheSame) {
    for (const std::string& body : bodies) {
        const std::string whole = read_pieces({body});
        EXPECT_TRUE(whole.ends_with("end") || whole.find("error: ") != std::string::npos) << body;
        for (std::size_t cut = 0; cut <= std::min<std::size_t>(body.size(), 300); ++cut)
            EXPECT_EQ(read_pieces({body.substr(0, cut), body.substr(cut)}), whole) << body << "\ncut at " << cut;
        for (const std::size_t size : {1, 2, 3, 5, 7}) EXPECT_EQ(read_pieces(in_pieces_of(size, body)), whole) << body;
    }
}

TEST(MultipartReader, OfAWholeBodyTheDataOfAPartIsOnePieceOfIt) {
    const std::string data = "1\r\n--XY\r\n2", body = "--X\r\n" + field_a + data + "\r\n--X--";
    MultipartReader reader("X");
    reader.feed(body);
    reader.finish();
    ASSERT_EQ(*reader.next(), MultipartEvent::part);
    ASSERT_EQ(*reader.next(), MultipartEvent::data);
    EXPECT_EQ(reader.data(), data);
    EXPECT_EQ(reader.data().data(), body.data() + body.find(data));
    ASSERT_EQ(*reader.next(), MultipartEvent::part_end);
    ASSERT_EQ(*reader.next(), MultipartEvent::end);
}

// Otherwise a client could make the reader keep, and search again and again, as many spaces as it likes to send.
TEST(MultipartReader, ALineOfTooManySpacesIsData) {
    const auto with_padding = [](std::size_t count) {
        return "--X\r\n" + field_a + "1\r\n--X" + std::string(count, ' ') + "\r\n" + field_a + "2\r\n--X--";
    };
    for (const std::size_t size : {std::size_t{1}, std::size_t{1000}}) {
        EXPECT_EQ(read_pieces(in_pieces_of(size, with_padding(max_delimiter_padding))),
                  "part 1 a - : 1|part 2 a - : 2|end");
        const std::string longer = read_pieces(in_pieces_of(size, with_padding(max_delimiter_padding + 1)));
        EXPECT_TRUE(longer.starts_with("part 1 a - : 1\r\n--X ")) << longer;
        EXPECT_TRUE(longer.ends_with("2|end")) << longer;
    }
}

}  // namespace
}  // namespace proapi::http
