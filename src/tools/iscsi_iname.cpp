// SPDX-License-Identifier: LGPL-2.1-or-later
// iscsi-iname: prints a fresh initiator name, PREFIX:RANDOM.
#include <fmt/format.h>
#include <getopt.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "config.h"
#include "tools/random_name.hpp"

namespace {

constexpr std::string_view kPrefix = ISCSI_IQN_PREFIX;
using iscsi::tools::kPrefixBytesMax;

int usage(int status) {
    fmt::print(stderr,
               "Usage: iscsi-iname [OPTIONS]\n"
               "Where OPTIONS are from:\n"
               "    -p/--prefix <prefix>          -- set IQN prefix [{}]\n"
               "    -g/--generate-iname-prefix    -- generate the InitiatorName= prefix\n"
               "where <prefix> has max length of {}\n",
               kPrefix, kPrefixBytesMax);
    return status;
}

constexpr option kOptions[] = {
    {"prefix", required_argument, nullptr, 'p'},
    {"generate-iname-prefix", no_argument, nullptr, 'g'},
    {"help", no_argument, nullptr, 'h'},
    {nullptr, 0, nullptr, 0},
};

}  // namespace

int main(int argc, char** argv) {
    std::string_view prefix = kPrefix;
    bool as_setting = false;
    for (int letter = 0; (letter = getopt_long(argc, argv, "p:gh", kOptions, nullptr)) != -1;) {
        switch (letter) {
            case 'p':
                prefix = optarg;
                break;
            case 'g':
                as_setting = true;
                break;
            case 'h':
                return usage(EXIT_SUCCESS);
            default:
                return usage(EXIT_FAILURE);
        }
    }
    if (optind < argc) {
        fmt::print(stderr, "unknown argument(s)\n");
        return usage(EXIT_FAILURE);
    }
    if (prefix.size() > kPrefixBytesMax) {
        fmt::print(stderr, "error: prefix too long\n");
        return usage(EXIT_FAILURE);
    }
    fmt::print("{}{}\n", as_setting ? "InitiatorName=" : "", iscsi::tools::random_name(prefix));
    return EXIT_SUCCESS;
}
