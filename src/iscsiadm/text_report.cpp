// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/print_records.hpp"
#include "iscsiadm/print_sessions.hpp"
#include "iscsiadm/report.hpp"
#include "record/text.hpp"

namespace iscsi::iscsiadm {

namespace {

constexpr std::int32_t kSessionLevelMax = 3;
constexpr std::int32_t kHostLevelMax = 4;

class TextReport final : public Report {
public:
    explicit TextReport(Output& output) : out_(output) {}

    bool wants_everything() const override { return false; }

    void nodes(std::span<const store::NodeId> nodes, std::int32_t level) override {
        if (level == 1) return print_nodes_tree(out_, nodes);
        print_nodes_flat(out_, nodes);
    }
    void found(std::span<const store::NodeId> nodes, std::int32_t level) override {
        if (level < 1) print_found_flat(out_, nodes);
        if (level == 1) print_found_tree(out_, nodes);
    }
    void sources(std::span<const DiscoverySource> sources, std::int32_t level) override {
        if (level < 1) return print_sources_flat(out_, sources);
        print_sources_tree(out_, sources);
    }
    void ifaces(std::span<const record::Iface> ifaces) override {
        for (const auto& iface : ifaces) print_iface_flat(out_, iface);
    }
    void bindings(std::span<const IfaceBinding> bindings) override {
        for (const auto& each : bindings) print_iface_tree(out_, each.iface, each.nodes);
    }
    void record(const record::Node& record, bool show_secrets) override {
        out_.text(record::print_shown(record, show_secrets));
    }
    void record(const record::Iface& record, bool show_secrets) override {
        out_.text(record::print_shown(record, show_secrets));
    }
    void record(const record::SendTargets& record, bool show_secrets) override {
        out_.text(record::print_shown(record, show_secrets));
    }
    void record(const record::Isns& record, bool show_secrets) override {
        out_.text(record::print_shown(record, show_secrets));
    }
    void sessions(std::span<const control::SessionInfo> sessions, std::int32_t level,
                  bool show_secrets) override {
        if (level <= 0) return print_sessions_flat(out_, sessions);
        if (level == kSessionLevelMax) print_versions(out_);
        print_sessions_tree(out_, sessions, {.level = level, .show_secrets = show_secrets});
    }
    void hosts(std::span<const HostView> hosts, std::int32_t level) override {
        if (level == kHostLevelMax) print_versions(out_);
        for (const auto& host : hosts) {
            if (level <= 0) {
                print_host_flat(out_, host);
            } else {
                print_host_tree(out_, host, level);
            }
        }
    }
    void stats(const control::SessionInfo& session, const control::StatsInfo& stats) override {
        print_stats(out_, session, stats);
    }
    void boot_targets(std::span<const firmware::BootTarget> targets) override {
        for (const auto& target : targets) out_.text(firmware::print(target));
    }
    void boot_problems(std::span<const std::string> problems) override {
        for (const auto& problem : problems) out_.line("{}", problem);  // Compat: not an error
    }
    void event(const Event& event) override {
        if (!event.text.empty()) out_.line("{}", event.text);
    }
    void finish(int) override {}

private:
    Output& out_;
};

}  // namespace

std::unique_ptr<Report> text_report(Output& output) { return std::make_unique<TextReport>(output); }

}  // namespace iscsi::iscsiadm
