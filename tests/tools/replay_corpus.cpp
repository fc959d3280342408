// SPDX-License-Identifier: LGPL-2.1-or-later
// Runs a fuzz target over the files of its corpus, where there is no libFuzzer. Linked to the
// target.
//
//   NAME_fuzz DIRECTORY...
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

// libFuzzer's interface.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
    int count = 0;
    for (int i = 1; i < argc; ++i) {
        for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
            std::ifstream file(entry.path(), std::ios::binary);
            const std::string input(std::istreambuf_iterator<char>(file), {});
            const void* bytes = input.data();
            LLVMFuzzerTestOneInput(static_cast<const std::uint8_t*>(bytes), input.size());
            ++count;
        }
    }
    std::printf("%d inputs\n", count);
    return count > 0 ? 0 : 1;  // an empty corpus proves nothing
}
