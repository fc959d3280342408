// SPDX-License-Identifier: LGPL-2.1-or-later
// Runs our engines against a target and prints what happens, one JSON object a line:
//   conformance_probe address=A port=P target=NAME [key=value...] <commands
// See probe_options.hpp for settings and commands. Exit status: 0 it ran to its end, 2 usage,
// 3 it was not done when its real-time limit passed.
#include <chrono>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <string>

#include "probe_discovery.hpp"
#include "probe_options.hpp"
#include "probe_session.hpp"

namespace iscsi::conformance {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

void print(std::string_view line) {
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fputc('\n', stdout);
    std::fflush(stdout);
}

class Run {
public:
    Run(const ProbeOptions& options, std::vector<ProbeCommand> script)
        : clock_(options.speed),
          session_(options, clock_, print),
          script_(std::move(script)),
          end_(steady_clock::now() + options.limit) {}

    // False when the time was up.
    bool run() {
        if (!until([this] { return session_.login_answered() || session_.finished(); }))
            return false;
        for (std::size_t i = 0; i < script_.size() && !session_.finished(); ++i) {
            if (!execute(script_[i], i)) return false;
        }
        if (!until([this] { return session_.busy() == 0; })) return false;
        if (!session_.finished()) session_.request_logout();
        return until([this] { return session_.finished(); });
    }

private:
    template <class Condition>
    bool until(Condition condition) {
        while (!condition()) {
            if (steady_clock::now() >= end_) return false;
            session_.step(end_);
        }
        return true;
    }

    bool sleep(std::uint64_t ms) {
        const auto over = steady_clock::now() + milliseconds(ms);
        while (!session_.finished() && steady_clock::now() < over) session_.step(over);
        return true;
    }

    bool execute(const ProbeCommand& command, std::size_t index) {
        if (command.wait && !until([this] { return session_.busy() == 0; })) return false;
        if (command.verb == "sleep") return sleep(command.numbers[0]);
        if (command.verb == "logout") {
            session_.request_logout();
            return until([this] { return session_.finished(); });
        }
        if (!until([this] { return session_.can_submit() || session_.finished(); })) return false;
        if (session_.finished()) return true;
        session_.submit(command, index);
        return !command.wait || until([this] { return session_.busy() == 0; });
    }

    FastClock clock_;
    ProbeSession session_;
    std::vector<ProbeCommand> script_;
    steady_clock::time_point end_;
};

}  // namespace
}  // namespace iscsi::conformance

int main(int argc, char** argv) {
    using namespace iscsi::conformance;
    const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
    const auto options = parse_options(argc, argv);
    auto script = parse_script(text);
    if (!options || !script) {
        std::cerr << (options ? script.error() : options.error()).message << '\n';
        return 2;
    }
    if (!script->empty() && script->front().verb == "discover") {
        const FastClock clock(options->speed);
        ProbeDiscovery(*options, clock, print).run();
        return 0;
    }
    Run run(*options, std::move(*script));
    if (run.run()) return 0;
    print(R"({"event":"stuck"})");
    return 3;
}
