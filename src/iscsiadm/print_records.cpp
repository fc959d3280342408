// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/print_records.hpp"

#include <iterator>

#include "record/text.hpp"

namespace iscsi::iscsiadm {

namespace {

std::string portal_and_tag(const store::NodeId& node) {
    return fmt::format("{},{}", portal_text(node.address, node.port), node.tpgt);
}

bool same_portal(const store::NodeId& a, const store::NodeId& b) {
    return a.address == b.address && a.port == b.port && a.tpgt == b.tpgt;
}

// Enough of the previous record to know what need not be said again.
class Tree {
public:
    explicit Tree(Output& out) : out_(out) {}

    // True when this begins a new target.
    bool target(const store::NodeId& node) {
        if (last_ && last_->target == node.target) return false;
        out_.line("Target: {}", node.target);
        return true;
    }
    void portal(const store::NodeId& node) { out_.line("\tPortal: {}", portal_and_tag(node)); }
    void iface(const store::NodeId& node) { out_.line("\t\tIface Name: {}", node.iface); }
    bool portal_is_new(const store::NodeId& node) const {
        return !last_ || !same_portal(*last_, node);
    }
    void done(const store::NodeId& node) { last_ = &node; }

private:
    Output& out_;
    const store::NodeId* last_ = nullptr;
};

}  // namespace

std::string portal_text(std::string_view address, std::int64_t port) {
    const auto has = [&](char sign) { return address.find(sign) != std::string_view::npos; };
    // Compat: brackets round a name without a dot, too.
    return has(':') || !has('.') ? fmt::format("[{}]:{}", address, port)
                                 : fmt::format("{}:{}", address, port);
}

void print_nodes_flat(Output& out, std::span<const store::NodeId> nodes) {
    std::string text;
    for (const auto& node : nodes) {
        fmt::format_to(std::back_inserter(text), "{},{} {}\n", portal_text(node.address, node.port),
                       static_cast<std::uint32_t>(node.tpgt), node.target);
    }
    out.text(text);
}

void print_nodes_tree(Output& out, std::span<const store::NodeId> nodes) {
    Tree tree(out);
    for (const auto& node : nodes) {
        tree.target(node);
        tree.portal(node);
        tree.iface(node);
        tree.done(node);
    }
}

void print_found_flat(Output& out, std::span<const store::NodeId> nodes) {
    for (const auto& node : nodes) out.line("{} {}", portal_and_tag(node), node.target);
}

void print_found_tree(Output& out, std::span<const store::NodeId> nodes) {
    Tree tree(out);
    for (const auto& node : nodes) {
        if (tree.target(node) || tree.portal_is_new(node)) tree.portal(node);
        tree.iface(node);
        tree.done(node);
    }
}

namespace {

struct Heading {
    record::NodeDiscoveryType type;
    std::string_view text;
};
constexpr Heading kHeadings[] = {
    {record::NodeDiscoveryType::SendTargets, "SENDTARGETS:"},
    {record::NodeDiscoveryType::Isns, "iSNS:"},
    {record::NodeDiscoveryType::Static, "STATIC:"},
    {record::NodeDiscoveryType::Firmware, "FIRMWARE:"},
};

}  // namespace

void print_sources_flat(Output& out, std::span<const DiscoverySource> sources) {
    for (const auto& source : sources) {
        if (!source.id) continue;
        const bool isns = source.type == record::NodeDiscoveryType::Isns;
        out.line("{}:{} via {}", source.id->address, source.id->port,
                 isns ? "isns" : "sendtargets");
    }
}

void print_sources_tree(Output& out, std::span<const DiscoverySource> sources) {
    for (const auto& heading : kHeadings) {
        out.line("{}", heading.text);
        bool any = false;
        for (const auto& source : sources) {
            if (source.type != heading.type) continue;
            any = true;
            if (source.id) {
                out.line("DiscoveryAddress: {},{}", source.id->address, source.id->port);
            }
            print_found_tree(out, source.nodes);
        }
        if (!any) out.line("No targets found.");
    }
}

void print_iface_flat(Output& out, const record::Iface& iface) {
    const auto shown = [](const std::string& value) { return record::or_empty(value); };
    out.line("{} {},{},{},{},{}", shown(iface.iscsi_ifacename), shown(iface.transport_name),
             shown(iface.hwaddress), shown(iface.ipaddress), shown(iface.net_ifacename),
             shown(iface.initiatorname));
}

void print_iface_tree(Output& out, std::string_view iface, std::span<const store::NodeId> nodes) {
    out.line("Iface: {}", iface);
    const store::NodeId* last = nullptr;
    for (const auto& node : nodes) {
        if (!last || last->target != node.target) out.line("\tTarget: {}", node.target);
        out.line("\t\tPortal: {}", portal_and_tag(node));
        last = &node;
    }
}

}  // namespace iscsi::iscsiadm
