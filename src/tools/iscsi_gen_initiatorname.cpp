// SPDX-License-Identifier: LGPL-2.1-or-later
// iscsi-gen-initiatorname: gives this machine its name, in initiatorname.iscsi. A name that the
// machine booted with comes first, from the kernel's command line or from the firmware: the target
// knows the machine by it. Else the name is a new one.
#include <fmt/format.h>
#include <getopt.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/numbers.hpp"
#include "os/files.hpp"
#include "store/conf.hpp"
#include "store/paths.hpp"
#include "tools/random_name.hpp"

namespace {

using namespace iscsi;

constexpr std::string_view kPrefix = "iqn.1996-04.de.suse:01";
constexpr const char* kCommandLine = "/proc/cmdline";
constexpr const char* kFirmwareName = "/sys/firmware/ibft/initiator/initiator-name";
constexpr std::size_t kSourceBytesMax = 65536;

int usage(int status) {
    fmt::print(
        "Usage: iscsi-gen-initiatorname [OPTIONS] -- generate an iSCSI initiatorname\n"
        "Where OPTIONS are from:\n"
        "   -h          print usage and exit\n"
        "   -f          overwrite existing InitiatorName, if any\n"
        "   -p IQN-PRE  set prefix for generated IQN (default {})\n",
        kPrefix);
    return status;
}

std::string text_of(const char* path) {
    return os::system_files().read(path, kSourceBytesMax).value_or("");
}

// rd.initiatorname=NAME; the last one counts.
std::string name_from_command_line() {
    constexpr std::string_view kOption = "rd.initiatorname=";
    std::string name;
    const std::string text = text_of(kCommandLine);
    for (const auto word : base::split(base::trim(text), ' ')) {
        if (word.starts_with(kOption)) name = word.substr(kOption.size());
    }
    return name;
}

// Error: the two sources of a name contradict each other.
base::Result<std::string> choose_name(std::string_view prefix) {
    std::string given = name_from_command_line();
    const std::string firmware(base::trim(text_of(kFirmwareName)));
    if (!given.empty() && !firmware.empty() && given != firmware) {
        return base::fail(base::ErrorCode::Invalid,
                          "the kernel's command line names this machine {}, its firmware {}", given,
                          firmware);
    }
    if (!given.empty()) return given;
    return firmware.empty() ? tools::random_name(prefix) : firmware;
}

base::Status write_name(const std::string& path, std::string_view name) {
    const auto text = fmt::format(
        "##\n"
        "## {}\n"
        "##\n"
        "## The name of this machine, by which iSCSI targets know it. It must be unique;\n"
        "## a copy of the machine needs another one (iscsi-gen-initiatorname -f).\n"
        "InitiatorName={}\n",
        path, name);
    const auto directory = path.substr(0, path.rfind('/'));
    auto done = os::make_directories(os::system_files(), directory);
    if (done) done = os::replace_file(os::system_files(), {path, text, directory});
    if (!done) return os::fail_file(base::ErrorCode::Generic, done.error(), path);
    return {};
}

int fail(std::string_view text) {
    fmt::print(stderr, "Error: {}\n", text);
    return EXIT_FAILURE;
}

struct Options {
    bool overwrite = false;
    std::string prefix{kPrefix};
};

int generate(const Options& options) {
    if (::geteuid() != 0) return fail("You must be root to run this command");
    const std::string path = store::default_paths().initiatorname_file();
    const auto present = store::find_simple_value(text_of(path.c_str()), "InitiatorName");
    if (!present.empty() && !options.overwrite) {
        (void)fail("you cannot overwrite the current InitiatorName unless 'force' is set.");
        return usage(EXIT_FAILURE);
    }
    const auto name = choose_name(options.prefix);
    if (!name) return fail(name.error().message);
    const auto written = write_name(path, *name);
    return written ? EXIT_SUCCESS : fail(written.error().message);
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    for (int letter = 0; (letter = ::getopt(argc, argv, "hfp:")) != -1;) {
        switch (letter) {
            case 'h':
                return usage(EXIT_SUCCESS);
            case 'f':
                options.overwrite = true;
                break;
            case 'p':
                options.prefix = optarg;
                break;
            default:
                return usage(EXIT_FAILURE);
        }
    }
    if (optind < argc) {
        (void)fail("unknown argument(s)");
        return usage(EXIT_FAILURE);
    }
    if (options.prefix.size() > tools::kPrefixBytesMax) return fail("prefix too long");
    return generate(options);
}
