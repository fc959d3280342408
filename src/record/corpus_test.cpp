// SPDX-License-Identifier: LGPL-2.1-or-later
// Replays the fuzzer's corpus: whatever it once found stays found.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

TEST(RecordCorpus, EveryInputIsHandled) {
    std::size_t inputs = 0;
    for (const auto& entry : std::filesystem::directory_iterator(RECORD_CORPUS_DIR)) {
        SCOPED_TRACE(entry.path());
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        const std::vector<std::uint8_t> bytes(text.begin(), text.end());

        EXPECT_EQ(LLVMFuzzerTestOneInput(bytes.data(), bytes.size()), 0);

        ++inputs;
    }
    EXPECT_GE(inputs, 20U);
}
