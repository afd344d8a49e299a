// Replays stored inputs without libFuzzer: `fuzz_replay TARGET PATH...`. A path is a file or a folder of files. The
// name of each input is printed before it runs, so that after a failure the last name printed is the failing input.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "target.hpp"

namespace {

namespace fs = std::filesystem;

// A missing folder counts as empty: only targets with stored inputs have a corpus.
std::vector<fs::path> inputs_at(const fs::path& path) {
    if (fs::is_regular_file(path)) return {path};
    std::vector<fs::path> found;
    if (fs::is_directory(path))
        for (const auto& entry : fs::directory_iterator(path))
            if (entry.is_regular_file()) found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
}

void replay(const proapi::fuzz::Target& target, const fs::path& path) {
    std::fprintf(stderr, "%s\n", path.c_str());
    std::ifstream file(path, std::ios::binary);
    const std::string octets{std::istreambuf_iterator<char>(file), {}};
    proapi::fuzz::Block block(octets);
    target.run({block.bytes().data(), block.bytes().size()});
}

int run(int count, char** arguments) {
    const auto& targets = proapi::fuzz::targets();
    const std::string_view wanted = count > 1 ? arguments[1] : "";
    const auto target =
        std::find_if(targets.begin(), targets.end(), [&](const auto& one) { return one.name == wanted; });
    if (target == targets.end()) {
        std::fprintf(stderr, "usage: fuzz_replay TARGET PATH...\ntargets:");
        for (const auto& one : targets) std::fprintf(stderr, " %s", std::string(one.name).c_str());
        std::fprintf(stderr, "\n");
        return 2;
    }
    std::size_t replayed = 0;
    for (int i = 2; i < count; ++i) {
        for (const fs::path& path : inputs_at(arguments[i])) {
            replay(*target, path);
            ++replayed;
        }
    }
    std::fprintf(stderr, "%zu inputs\n", replayed);
    return replayed > 0 ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
    try {
        return run(count, arguments);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "unexpected exception: %s\n", error.what());
        return 1;
    }
}
