// SPDX-License-Identifier: LGPL-2.1-or-later
#include "datapath/kernel/sysfs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/numbers.hpp"

namespace iscsi::datapath::kernel {

namespace {

// The number behind `prefix`, if the whole name is that: ("session7", "session") gives 7.
std::optional<std::uint32_t> suffix_number(std::string_view name, std::string_view prefix) {
    if (!name.starts_with(prefix)) return std::nullopt;
    const auto number = base::parse_unsigned(name.substr(prefix.size()));
    if (!number || *number > UINT32_MAX) return std::nullopt;
    return static_cast<std::uint32_t>(*number);
}

// The last component of a path that is `prefix` and a number.
std::optional<std::uint32_t> component_number(std::string_view path, std::string_view prefix) {
    std::optional<std::uint32_t> found;
    for (const auto component : base::split(path, '/')) {
        if (const auto number = suffix_number(component, prefix)) found = number;
    }
    return found;
}

std::string session_directory(std::uint32_t sid) {
    return fmt::format("class/iscsi_session/session{}", sid);
}

std::string connection_directory(std::uint32_t sid) {
    return fmt::format("class/iscsi_connection/connection{}:0", sid);
}

}  // namespace

Sysfs::Sysfs(std::string root, os::Files& files) : root_(std::move(root)), files_(&files) {}

std::string Sysfs::path(std::string_view relative) const {
    return fmt::format("{}/{}", root_, relative);
}

std::string Sysfs::attribute(const std::string& directory, std::string_view name) const {
    const auto text = files_->read_attribute(fmt::format("{}/{}/{}", root_, directory, name));
    if (!text) return {};
    const auto value = base::trim(*text);
    if (value == "(null)" || value == "<NULL>") return {};
    return std::string(value);
}

std::optional<std::int64_t> Sysfs::number(const std::string& directory,
                                          std::string_view name) const {
    const std::string text = attribute(directory, name);
    return base::parse_signed(text);
}

std::int32_t Sysfs::timeout(const std::string& directory, std::string_view name) const {
    // "off" is how the kernel shows a negative timeout.
    return static_cast<std::int32_t>(number(directory, name).value_or(-1));
}

std::optional<TransportView> Sysfs::transport(std::string_view name) const {
    const std::string directory = fmt::format("class/iscsi_transport/{}", name);
    const auto handle = base::parse_unsigned(attribute(directory, "handle"));
    if (!handle) return std::nullopt;
    std::string caps = attribute(directory, "caps");
    if (caps.starts_with("0x")) caps.erase(0, 2);
    return TransportView{std::string(name), *handle,
                         static_cast<std::uint32_t>(base::parse_hex(caps).value_or(0))};
}

std::optional<std::string> Sysfs::transport_class_version() const {
    std::string version = attribute("module/scsi_transport_iscsi", "version");
    if (version.empty()) return std::nullopt;
    return version;
}

std::vector<std::uint32_t> Sysfs::session_ids() const {
    std::vector<std::uint32_t> sids;
    const auto entries = files_->list(path("class/iscsi_session"));
    if (!entries) return sids;
    for (const auto& entry : *entries) {
        if (const auto sid = suffix_number(entry.name, "session")) sids.push_back(*sid);
    }
    return sids;
}

std::vector<SessionView> Sysfs::sessions() const {
    std::vector<SessionView> views;
    for (const auto sid : session_ids()) {
        if (auto view = session(sid)) views.push_back(std::move(*view));
    }
    return views;
}

base::Result<SessionView> Sysfs::session(std::uint32_t sid) const {
    const std::string directory = session_directory(sid);
    SessionView view{.sid = sid};
    view.target = attribute(directory, "targetname");
    if (view.target.empty()) {
        return base::fail(base::ErrorCode::SysfsLookup, "could not read session targetname: 5");
    }
    view.host_no = host_of_session(sid);
    view.tpgt = static_cast<std::int32_t>(number(directory, "tpgt").value_or(-1));
    view.state = attribute(directory, "state");
    view.creator = number(directory, "creator").value_or(0);
    view.username = attribute(directory, "username");
    view.password = attribute(directory, "password");
    view.username_in = attribute(directory, "username_in");
    view.password_in = attribute(directory, "password_in");
    view.iface_name = attribute(directory, "ifacename");
    view.initiatorname = attribute(directory, "initiatorname");
    view.recovery_timeout = timeout(directory, "recovery_tmo");
    view.target_reset_timeout = timeout(directory, "tgt_reset_tmo");
    view.lu_reset_timeout = timeout(directory, "lu_reset_tmo");
    view.abort_timeout = timeout(directory, "abort_tmo");
    read_negotiated(view, directory);
    read_connection(view);
    return view;
}

void Sysfs::read_negotiated(SessionView& view, const std::string& directory) const {
    view.first_burst_len = number(directory, "first_burst_len");
    view.max_burst_len = number(directory, "max_burst_len");
    view.immediate_data = number(directory, "immediate_data");
    view.initial_r2t = number(directory, "initial_r2t");
    view.max_outstanding_r2t = number(directory, "max_outstanding_r2t");
    view.erl = number(directory, "erl");
}

void Sysfs::read_connection(SessionView& view) const {
    const std::string directory = connection_directory(view.sid);
    view.persistent_address = attribute(directory, "persistent_address");
    view.persistent_port =
        static_cast<std::int32_t>(number(directory, "persistent_port").value_or(0));
    view.address = attribute(directory, "address");
    view.port = static_cast<std::int32_t>(number(directory, "port").value_or(0));
    view.header_digest = number(directory, "header_digest");
    view.data_digest = number(directory, "data_digest");
    view.max_recv_dlength = number(directory, "max_recv_dlength");
    view.max_xmit_dlength = number(directory, "max_xmit_dlength");
}

std::optional<std::uint32_t> Sysfs::host_of_session(std::uint32_t sid) const {
    const auto target = files_->read_link(path(session_directory(sid)));
    if (!target) return std::nullopt;
    return component_number(*target, "host");
}

std::vector<HostView> Sysfs::hosts() const {
    std::vector<HostView> views;
    const auto entries = files_->list(path("class/iscsi_host"));
    if (!entries) return views;
    for (const auto& entry : *entries) {
        const auto host_no = suffix_number(entry.name, "host");
        if (!host_no) continue;
        if (auto view = host(*host_no)) views.push_back(std::move(*view));
    }
    return views;
}

std::optional<HostView> Sysfs::host(std::uint32_t host_no) const {
    const std::string scsi = fmt::format("class/scsi_host/host{}", host_no);
    const std::string iscsi = fmt::format("class/iscsi_host/host{}", host_no);
    HostView view{.host_no = host_no};
    view.state = attribute(scsi, "state");
    if (view.state.empty()) return std::nullopt;
    const std::string driver = attribute(scsi, "proc_name");
    const std::string_view name = driver;
    constexpr std::string_view kPrefix = "iscsi_";
    view.transport = name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name;
    view.hwaddress = attribute(iscsi, "hwaddress");
    view.ipaddress = attribute(iscsi, "ipaddress");
    view.netdev = attribute(iscsi, "netdev");
    view.initiatorname = attribute(iscsi, "initiatorname");
    view.port_state = attribute(iscsi, "port_state");
    view.port_speed = attribute(iscsi, "port_speed");
    return view;
}

std::vector<LunView> Sysfs::luns(std::uint32_t sid) const {
    std::vector<LunView> luns;
    const std::string device = session_directory(sid) + "/device";
    const auto targets = files_->list(path(device));
    if (!targets) return luns;
    for (const auto& target : *targets) {
        if (!target.name.starts_with("target")) continue;
        const std::string directory = fmt::format("{}/{}", device, target.name);
        const auto entries = files_->list(path(directory));
        if (!entries) continue;
        for (const auto& entry : *entries) {
            if (auto view = lun(directory, entry.name)) luns.push_back(std::move(*view));
        }
    }
    std::ranges::sort(luns, {}, [](const LunView& v) { return std::pair(v.target, v.lun); });
    return luns;
}

namespace {

// "0:0:0:1": host, channel, target, LUN.
std::optional<LunView> lun_named(std::string_view name) {
    const auto parts = base::split(name, ':');
    if (parts.size() != 4) return std::nullopt;
    const auto host = base::parse_unsigned(parts[0]);
    const auto channel = base::parse_unsigned(parts[1]);
    const auto target = base::parse_unsigned(parts[2]);
    const auto lun_number = base::parse_unsigned(parts[3]);
    if (!host || !channel || !target || !lun_number) return std::nullopt;
    return LunView{.host = static_cast<std::uint32_t>(*host),
                   .channel = static_cast<std::uint32_t>(*channel),
                   .target = static_cast<std::uint32_t>(*target),
                   .lun = *lun_number,
                   .state = {},
                   .block_device = {}};
}

}  // namespace

std::optional<LunView> Sysfs::lun(const std::string& directory, std::string_view name) const {
    auto view = lun_named(name);
    if (!view) return std::nullopt;
    const std::string own = fmt::format("{}/{}", directory, name);
    view->state = attribute(own, "state");
    const auto blocks = files_->list(path(own + "/block"));
    if (blocks && !blocks->empty()) view->block_device = blocks->front().name;
    return view;
}

std::optional<LiveView> Sysfs::live(std::uint32_t sid) const {
    const std::string directory = session_directory(sid);
    LiveView view{.host_no = host_of_session(sid), .state = attribute(directory, "state")};
    if (view.state.empty()) return std::nullopt;
    view.recovery_timeout = timeout(directory, "recovery_tmo");
    return view;
}

SettingsView Sysfs::settings(std::uint32_t sid, std::uint32_t host_no) const {
    const std::string connection = connection_directory(sid);
    return {.ping_interval = number(connection, "recv_tmo"),
            .ping_timeout = number(connection, "ping_tmo"),
            .fast_abort = number(session_directory(sid), "fast_abort"),
            .queue_depth = number(fmt::format("class/scsi_host/host{}", host_no), "cmd_per_lun")};
}

std::map<std::string, std::string> Sysfs::disks_by_device() const {
    std::map<std::string, std::string> found;
    const auto entries = files_->list(path("class/block"));
    if (!entries) return found;
    for (const auto& entry : *entries) {
        // .../0:0:0:1/block/sdb; a partition's is longer.
        const auto target = files_->read_link(path("class/block/" + entry.name));
        if (!target) continue;
        const auto parts = base::split(*target, '/');
        if (parts.size() < 3 || parts[parts.size() - 2] != "block") continue;
        found.emplace(parts[parts.size() - 3], entry.name);
    }
    return found;
}

std::map<std::uint32_t, std::vector<LunView>> Sysfs::luns_of(
    const std::set<std::uint32_t>& hosts) const {
    std::map<std::uint32_t, std::vector<LunView>> found;
    const auto devices = files_->list(path("class/scsi_device"));
    if (!devices) return found;
    const auto disks = disks_by_device();
    for (const auto& device : *devices) {
        auto view = lun_named(device.name);
        if (!view || !hosts.contains(view->host)) continue;
        view->state = attribute("class/scsi_device/" + device.name + "/device", "state");
        if (view->state.empty()) continue;  // it is going away
        const auto disk = disks.find(device.name);
        if (disk != disks.end()) view->block_device = disk->second;
        found[view->host].push_back(std::move(*view));
    }
    for (auto& [host, luns] : found) {
        std::ranges::sort(luns, {}, [](const LunView& v) { return std::pair(v.target, v.lun); });
    }
    return found;
}

std::uint32_t Sysfs::exp_stat_sn(std::uint32_t sid) const {
    return static_cast<std::uint32_t>(number(connection_directory(sid), "exp_statsn").value_or(0));
}

bool Sysfs::connection_is_up(std::uint32_t sid) const {
    const std::string state = attribute(connection_directory(sid), "state");
    return state.empty() || state == "up";
}

bool Sysfs::is_leaving(std::uint32_t sid) const {
    return is_unbound(sid) || attribute(session_directory(sid), "target_state") == "UNBINDING";
}

bool Sysfs::is_unbound(std::uint32_t sid) const {
    return attribute(session_directory(sid), "target_state") == "UNBOUND";
}

bool Sysfs::kernel_pings(std::uint32_t sid) const {
    return number(connection_directory(sid), "ping_tmo").has_value();
}

}  // namespace iscsi::datapath::kernel
