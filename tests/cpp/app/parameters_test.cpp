// Query, Header, Cookie, Form, File and JsonBody: what handlers get, and what clients are told.
// promise: cpp-parameters
#include <gtest/gtest.h>

#include <atomic>

#include "client.hpp"

namespace proapi {
namespace {

using namespace std::chrono_literals;

struct Move {
    int x = 0;
    std::string piece;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Move, x, piece)

// Checks what it reads.
struct Even {
    int number = 0;
    friend void from_json(const Json& json, Even& even) {
        json.get_to(even.number);
        if (even.number % 2 != 0) throw std::invalid_argument("expected an even number");
    }
};

// The status and the errors of a 422.
Json errors_of(const std::string& response) {
    EXPECT_EQ(test::status_of(response), 422) << response;
    EXPECT_NE(response.find("Content-Type: application/json\r\n"), std::string::npos) << response;
    const Json body = parse_json(test::get_body(response));
    EXPECT_EQ(body.size(), 1U);
    return body["detail"];
}

Json error(std::string type, Json location, std::string text, Json input) {
    return {
        {"type", std::move(type)}, {"loc", std::move(location)}, {"msg", std::move(text)}, {"input", std::move(input)}};
}

Json missing(std::string source, std::string name) {
    return error("missing", Json::array({source, name}), "Field required", nullptr);
}

class Parameters : public testing::Test {
protected:
    // The body of the response to GET, or to POST if there is a body.
    std::string send(const std::string& target, const std::string& headers = "", const std::string& body = "") {
        if (!server_) server_.emplace(app_.start({.port = 0}));
        return test::request(server_->port(), body.empty() ? "GET" : "POST", target, body, headers);
    }
    std::string get(const std::string& target, const std::string& headers = "") {
        return test::get_body(send(target, headers));
    }

    ProAPI app_;
    std::optional<RunningServer> server_;
};

TEST_F(Parameters, AreReadFromQueryHeadersAndCookies) {
    app_.get("/{room}/{number:int}",
             [](Request request, std::string room, int number, Header<std::string, "X-Token"> token,
                Query<int, "limit"> limit, Cookie<std::string, "session"> session,
                Query<bool, "all"> all) -> Task<std::string> {
                 const int as_int = limit;  // converted where the type says so
                 co_return request.method() + room + std::to_string(number) + *token + std::to_string(as_int) +
                     session.value + (*all ? "all" : "some") + std::to_string(token->size());
             });
    EXPECT_EQ(get("/a/7?limit=1&all=yes&limit=20", "x-token: secret\r\nCookie: session=ab; other=c\r\n"),
              "GETa7secret20aball6");
}

TEST_F(Parameters, HandlersThatAreNoCoroutinesTakeThemToo) {
    app_.get("/",
             [](const Query<std::string, "name">& name, Query<int, "n", 3> n) { return *name + std::to_string(*n); });
    EXPECT_EQ(get("/?name=a%20b"), "a b3");
}

int add(Query<int, "a"> a, Query<int, "b", 3> b) {
    return *a + *b;
}

TEST_F(Parameters, AHandlerIsAFunctionThatTestsCanCall) {
    EXPECT_EQ(add({1}, {2}), 3);
    app_.get("/", [](Query<int, "a"> a, Query<int, "b", 3> b) { return std::to_string(add(a, b)); });
    EXPECT_EQ(get("/?a=1"), "4");
}

TEST_F(Parameters, OptionalOnesDefaultsAndLists) {
    app_.get("/", [](Query<std::optional<int>, "limit"> limit, Query<int, "page", -1> page,
                     Query<std::string, "sort", "name"> sort, Query<double, "ratio", 0.5> ratio,
                     Query<bool, "all", true> all, Query<std::vector<int>, "id"> ids,
                     Query<std::optional<std::vector<std::string>>, "tag"> tags,
                     Header<std::optional<std::string>, "X-A"> header, Cookie<std::int64_t, "c", 5> cookie) {
        Json result = {{"limit", limit->value_or(-5)},
                       {"page", *page},
                       {"sort", *sort},
                       {"ratio", *ratio},
                       {"all", *all},
                       {"ids", *ids},
                       {"cookie", *cookie}};
        result["tags"] = tags->has_value() ? Json(**tags) : Json();
        result["header"] = header->value_or("none");
        return result;
    });
    EXPECT_EQ(
        parse_json(get("/?id=1")),
        parse_json(R"({"limit": -5, "page": -1, "sort": "name", "ratio": 0.5, "all": true, "ids": [1], "tags": null,
                             "header": "none", "cookie": 5})"));
    EXPECT_EQ(
        parse_json(get("/?id=1&limit=2&id=3&page=4&sort=&ratio=1&all=0&tag=a&tag=b", "X-A: h\r\nCookie: c=9\r\n")),
        parse_json(R"({"limit": 2, "page": 4, "sort": "", "ratio": 1.0, "all": false, "ids": [1, 3],
                             "tags": ["a", "b"], "header": "h", "cookie": 9})"));
}

TEST_F(Parameters, AllErrorsAreReportedAtOnceAndTheHandlerIsNotCalled) {
    std::atomic<int> calls = 0;
    app_.get("/",
             [&](Query<int, "limit"> limit, Query<double, "ratio"> ratio, Query<bool, "all", true> all,
                 Query<std::vector<int>, "id"> ids, Header<Uuid, "X-Id"> id, Cookie<std::string, "session"> session,
                 Query<std::optional<std::chrono::year_month_day>, "day"> day) -> Task<std::string> {
                 ++calls;
                 co_return std::to_string(*limit + static_cast<int>(*ratio) + *all +
                                          static_cast<int>(ids->size() + session->size()) + id->octets[0] +
                                          day->has_value());
             });
    const Json errors = errors_of(send("/?limit=x&ratio=half&all=perhaps&id=1&id=two&id=3.0&day=today", "X-Id: 5\r\n"));
    const std::string not_an_integer = "Input should be a valid integer, unable to parse string as an integer";
    const Json expected = Json::array(
        {error("int_parsing", {"query", "limit"}, not_an_integer, "x"),
         error("float_parsing", {"query", "ratio"},
               "Input should be a valid number, unable to parse string as a number", "half"),
         error("bool_parsing", {"query", "all"}, "Input should be a valid boolean, unable to interpret input",
               "perhaps"),
         error("int_parsing", {"query", "id", 1}, not_an_integer, "two"),
         error("int_parsing", {"query", "id", 2}, not_an_integer, "3.0"),
         error("uuid_parsing", {"header", "X-Id"}, "Input should be a valid UUID", "5"), missing("cookie", "session"),
         error("date_parsing", {"query", "day"}, "Input should be a valid date", "today")});
    EXPECT_EQ(errors, expected) << errors.dump(1);
    EXPECT_EQ(errors_of(send("/")),
              Json::array({missing("query", "limit"), missing("query", "ratio"), missing("query", "id"),
                           missing("header", "X-Id"), missing("cookie", "session")}));
    EXPECT_EQ(calls, 0);
}

TEST_F(Parameters, ANumberOutOfRangeNamesTheLimit) {
    app_.get("/", [](Query<std::uint8_t, "level"> level) { return std::to_string(*level); });
    EXPECT_EQ(get("/?level=255"), "255");
    Json expected = error("less_than_equal", {"query", "level"}, "Input should be less than or equal to 255", "256");
    expected["ctx"] = {{"le", 255}};
    EXPECT_EQ(errors_of(send("/?level=256")), Json::array({expected}));
}

// What the error quotes is valid JSON, whatever came.
TEST_F(Parameters, OctetsThatAreNoTextAreQuotedAsReplacements) {
    app_.get("/", [](Header<int, "X-Number"> number) { return std::to_string(*number); });
    const Json errors = errors_of(send("/", "X-Number: \xE4\"\r\n"));
    EXPECT_EQ(errors[0]["type"], "int_parsing");
    EXPECT_TRUE(errors[0]["input"].is_string());
}

TEST_F(Parameters, ABodyOfJson) {
    app_.post("/{board}", [](std::string board, JsonBody<Move> move, Query<int, "n", 1> n) -> Task<std::string> {
        co_return board + move->piece + std::to_string(move->x + *n);
    });
    const std::string json = "Content-Type: application/json; charset=utf-8\r\n";
    EXPECT_EQ(test::get_body(send("/b?n=5", json, R"({"x": 1, "piece": "rook"})")), "brook6");
    EXPECT_EQ(test::get_body(send("/b", "", R"({"x": 1, "piece": "rook"})")), "brook2") << "no type";
    EXPECT_EQ(test::get_body(send("/b", "Content-Type: application/vnd.move+json\r\n", R"({"x": 1, "piece": ""})")),
              "b2");
    const std::string other = send("/b", "Content-Type: text/plain\r\n", R"({"x": 1, "piece": "rook"})");
    EXPECT_EQ(test::status_of(other), 415);
    EXPECT_EQ(test::get_body(other), "expected application/json as Content-Type, got text/plain\n");
}

TEST_F(Parameters, Forms) {
    app_.post("/", [](Form<std::string, "name"> name, Form<int, "age", 7> age,
                      Form<std::vector<std::string>, "tag"> tags, Form<std::optional<bool>, "old"> old) {
        std::string text = *name + " " + std::to_string(*age) + (old.value ? " old" : "");
        for (const std::string& tag : *tags) text += " " + tag;
        return text;
    });
    const auto post = [&](const std::string& body, const std::string& type = "application/x-www-form-urlencoded") {
        return send("/", type.empty() ? "" : "Content-Type: " + type + "\r\n", body);
    };
    EXPECT_EQ(test::get_body(post("name=Tom&name=Ada&tag=a&tag=b&old=1")), "Ada 7 old a b");
    const std::string part = "--x\r\nContent-Disposition: form-data; name=";
    EXPECT_EQ(test::get_body(
                  post(part + "name\r\n\r\nAda\r\n" + part + "tag\r\n\r\na\r\n" + part + "age\r\n\r\n8\r\n--x--\r\n",
                       "multipart/form-data; boundary=x")),
              "Ada 8 a");
    EXPECT_EQ(errors_of(post("age=x")),
              Json::array({missing("body", "name"),
                           error("int_parsing", {"body", "age"},
                                 "Input should be a valid integer, unable to parse string as an integer", "x"),
                           missing("body", "tag")}));
    EXPECT_EQ(errors_of(post("?", "")).size(), 2U) << "without a type there is no form";
    EXPECT_EQ(test::status_of(post("{}", "application/json")), 415);
    EXPECT_EQ(test::status_of(post("--y", "multipart/form-data; boundary=x")), 400);
}

TEST_F(Parameters, Files) {
    app_.post("/",
              [](Request request, File<UploadFile, "photo"> photo, File<UploadFile, "photo"> same,
                 File<std::optional<UploadFile>, "cover"> cover, Form<std::string, "name"> name) -> Task<std::string> {
                  co_await sleep(0s);
                  co_return *name + " " + photo->filename + " " + std::string(photo->data) + " " +
                      std::string(same->data) + (cover.value ? " " + cover.value->content_type : "") + " " +
                      std::to_string(request.files().size());
              });
    app_.post("/all", [](File<std::vector<UploadFile>, "photo"> photos) {
        std::string text;
        for (const UploadFile& photo : *photos) text += photo.filename;
        return text;
    });
    const std::string type = "Content-Type: multipart/form-data; boundary=x\r\n";
    const auto file = [](const std::string& name, const std::string& filename, const std::string& data) {
        return "--x\r\nContent-Disposition: form-data; name=" + name + "; filename=" + filename + "\r\n\r\n" + data +
               "\r\n";
    };
    const std::string name = "--x\r\nContent-Disposition: form-data; name=name\r\n\r\nAda\r\n", end = "--x--\r\n";
    const std::string photos = file("photo", "a.png", "first") + file("photo", "b.png", "second");
    EXPECT_EQ(test::get_body(send("/", type, name + photos + end)), "Ada b.png second second 2");
    EXPECT_EQ(test::get_body(send("/", type, photos + file("cover", "c", "") + name + end)),
              "Ada b.png second second text/plain 3");
    EXPECT_EQ(test::get_body(send("/all", type, photos + end)), "a.pngb.png");
    EXPECT_EQ(errors_of(send("/", type, name + end)),
              Json::array({missing("body", "photo"), missing("body", "photo")}));
    EXPECT_EQ(errors_of(send("/all", type, name + end)), Json::array({missing("body", "photo")}));
    EXPECT_EQ(errors_of(send("/all", "Content-Type: application/x-www-form-urlencoded\r\n", "photo=a")),
              Json::array({missing("body", "photo")}))
        << "a text field is not a file";
}

TEST_F(Parameters, OfAHandlerThatReadsItsBodyInParts) {
    app_.post("/{room}", [](Request, BodyStream body, std::string room, Query<int, "n"> n) -> Task<std::string> {
        const auto part = co_await body.read();
        co_return room + std::to_string(*n) + part.value_or("");
    });
    EXPECT_EQ(test::get_body(send("/a?n=7", "", "body")), "a7body");
    EXPECT_EQ(errors_of(send("/a", "", "body")), Json::array({missing("query", "n")}));
}

TEST_F(Parameters, ABodyThatIsNotOfItsType) {
    app_.post("/", [](JsonBody<Move> move, Query<int, "n"> n) -> Task<std::string> {
        co_return move->piece + std::to_string(*n);
    });
    const auto errors = [&](const std::string& body) { return errors_of(send("/?n=1", "", body)); };
    const Json without_x = {{"piece", "rook"}};
    EXPECT_EQ(errors(without_x.dump()), Json::array({error("missing", {"body", "x"}, "Field required", without_x)}));
    const Json wrong = {{"x", 1}, {"piece", 2}};
    EXPECT_EQ(errors(wrong.dump()),
              Json::array({error("string_type", {"body", "piece"}, "Input should be a valid string", 2)}));
    EXPECT_EQ(errors(R"({"x": "1", "piece": ""})")[0]["type"], "float_type");
    EXPECT_EQ(errors("5")[0]["type"], "value_error");
    const Json altered = {{"x", 3.7}, {"piece", ""}};
    EXPECT_EQ(errors(altered.dump()),
              Json::array({error("value_error", {"body", "x"},
                                 "Input should be a number that its type can hold, got 3.7", 3.7)}));
    const Json invalid = errors("{");
    EXPECT_EQ(invalid[0]["type"], "json_invalid");
    EXPECT_EQ(invalid[0]["msg"], "JSON decode error");
    EXPECT_EQ(invalid[0]["input"], nullptr);
    EXPECT_NE(invalid[0]["ctx"]["error"].get<std::string>().find("invalid JSON"), std::string::npos);
    // With the errors of the other parameters.
    EXPECT_EQ(errors_of(test::request(server_->port(), "POST", "/")),
              Json::array({error("missing", Json::array({"body"}), "Field required", nullptr), missing("query", "n")}));
}

TEST_F(Parameters, TheApplicationsOwnConversionMayRefuse) {
    app_.post("/", [](JsonBody<Even> even) { return std::to_string(even->number); });
    EXPECT_EQ(test::get_body(send("/", "", "4")), "4");
    EXPECT_EQ(errors_of(send("/", "", "5")),
              Json::array({error("value_error", Json::array({"body"}), "Value error, expected an even number", 5)}));
}

TEST_F(Parameters, AnOptionalBody) {
    app_.post("/", [](JsonBody<std::optional<Move>> move) {
        return move->has_value() ? (*move)->piece : std::string("none");
    });
    EXPECT_EQ(test::get_body(send("/", "", R"({"x": 1, "piece": "rook"})")), "rook");
    EXPECT_EQ(test::get_body(test::request(server_->port(), "POST", "/")), "none");
    EXPECT_EQ(errors_of(send("/", "", "{}"))[0]["type"], "missing");
}

TEST_F(Parameters, AWebSocketIsRefusedBeforeItsHandlerBegins) {
    std::atomic<int> calls = 0;
    app_.websocket("/{room}",
                   [&](WebSocketConnection websocket, std::string room, Query<int, "rows"> rows,
                       Query<int, "cols", 80> cols, Cookie<std::optional<std::string>, "session"> session) -> Task<> {
                       ++calls;
                       co_await websocket.accept();
                       co_await websocket.send_text(room + std::to_string(*rows) + "x" + std::to_string(*cols) +
                                                    session->value_or("-"));
                   });
    server_.emplace(app_.start({.port = 0}));
    test::Client refused(server_->port());
    refused.write_handshake("/a?rows=many");
    EXPECT_EQ(errors_of(refused.read_response()),
              Json::array({error("int_parsing", {"query", "rows"},
                                 "Input should be a valid integer, unable to parse string as an integer", "many")}));
    EXPECT_EQ(calls, 0);
    test::Client accepted(server_->port(), "/a?rows=24", "Cookie: session=s\r\n");
    EXPECT_EQ(accepted.status(), 101);
    EXPECT_EQ(accepted.read_text(), "a24x80s");
}

TEST_F(Parameters, APathThatDoesNotFitIsNotFoundFirst) {
    app_.get("/{n:int}", [](int n, Query<int, "q"> q) { return std::to_string(n + *q); });
    EXPECT_EQ(test::status_of(send("/99999999999")), 404);
    EXPECT_EQ(test::status_of(send("/9")), 422);
}

TEST_F(Parameters, TheCountOfPathParametersIsCheckedWithoutThem) {
    EXPECT_THROW(app_.get("/{a}", [](Query<int, "q"> q) { return std::to_string(*q); }), RouteError);
    EXPECT_THROW(app_.get("/", [](std::string a, Query<int, "q"> q) { return a + std::to_string(*q); }), RouteError);
}

TEST_F(Parameters, RequestJsonOfAType) {
    app_.post("/", [](Request request) -> Task<std::string> { co_return request.json<Move>().piece; });
    EXPECT_EQ(test::get_body(send("/", "", R"({"x": 1, "piece": "rook"})")), "rook");
    for (const char* body : {R"({"x": 1})", R"({"x": 3.7, "piece": ""})", "5", "{"}) {
        const std::string response = send("/", "", body);
        EXPECT_EQ(test::status_of(response), 400) << body;
        EXPECT_TRUE(test::get_body(response).starts_with("The body: ")) << response;
    }
}

TEST(RequestValidationError, HasItsErrors) {
    const Json errors = Json::array({missing("query", "a")});
    const RequestValidationError thrown(errors);
    EXPECT_EQ(thrown.status_code(), 422);
    EXPECT_EQ(thrown.errors(), errors);
    EXPECT_EQ(parse_json(thrown.detail())["detail"], errors);
}

}  // namespace
}  // namespace proapi
