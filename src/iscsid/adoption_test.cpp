// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsid/adoption.hpp"

#include <gtest/gtest.h>

#include "store/testing/test_tree.hpp"

namespace iscsi::iscsid {
namespace {

class Adoption : public store::StoreTest {
protected:
    // A record as an administrator leaves it, in the database.
    record::Node stored(std::int32_t tpgt = 1) {
        record::Node node;
        node.name = "iqn.x:disk";
        node.tpgt = tpgt;
        node.conn[0].address = "stor.test";
        node.conn[0].timeo.noop_out_interval = 33;
        node.conn[0].timeo.noop_out_timeout = 44;
        node.conn[0].iscsi.max_xmit_data_segment_length = 4096;
        node.session.iscsi.fast_abort = false;
        node.session.queue_depth = 8;
        node.session.reopen_max = 5;
        node.session.scan = record::Scan::Manual;
        node.session.auth.username = "of the record";
        node.iface.hwaddress = "02:00:00:00:00:01";
        EXPECT_TRUE(store_->add(node));
        return node;
    }
    // What the kernel shows of a session of it.
    static datapath::Adoptable in_kernel() {
        datapath::Adoptable running;
        running.has_record = false;
        record::Node& node = running.spec.node;
        node.name = "iqn.x:disk";
        node.tpgt = 1;
        node.conn[0].address = "stor.test";
        node.session.timeo.replacement_timeout = 77;
        node.session.iscsi.first_burst_length = 8192;
        node.session.err_timeo.abort_timeout = 9;
        node.session.auth.username = "of the session";
        node.session.auth.password = base::Secret("its secret");
        node.iface.net_ifacename = "eth7";
        return running;
    }
    record::Node adopt(const datapath::Adoptable& running) {
        return adopted_record(running, *store_, defaults_);
    }
    void SetUp() override {
        StoreTest::SetUp();
        store_ = std::make_unique<store::Store>(paths_);
    }

    std::unique_ptr<store::Store> store_;
    record::Node defaults_;
};

TEST_F(Adoption, AKernelSessionGoesByItsRecord) {
    stored();

    const record::Node node = adopt(in_kernel());

    EXPECT_EQ(node.conn[0].timeo.noop_out_interval, 33);
    EXPECT_EQ(node.conn[0].timeo.noop_out_timeout, 44);
    EXPECT_EQ(node.conn[0].iscsi.max_xmit_data_segment_length, 4096);
    EXPECT_FALSE(node.session.iscsi.fast_abort);
    EXPECT_EQ(node.session.queue_depth, 8);
    EXPECT_EQ(node.session.reopen_max, 5);
    EXPECT_EQ(node.session.scan, record::Scan::Manual);
}

TEST_F(Adoption, ItsChapAndIfaceAreWhatTheSessionHas) {
    stored();

    const record::Node node = adopt(in_kernel());

    EXPECT_EQ(node.session.auth.username, "of the session");
    EXPECT_EQ(node.session.auth.password.reveal(), "its secret");
    EXPECT_EQ(node.iface.net_ifacename, "eth7");
    EXPECT_EQ(node.iface.hwaddress, "");
}

TEST_F(Adoption, ARecordWithoutTagIsFoundToo) {
    stored(record::kUnknownTpgt);

    EXPECT_EQ(adopt(in_kernel()).session.queue_depth, 8);
}

TEST_F(Adoption, ARecordOfAnotherIfaceIsNotTaken) {
    stored();
    datapath::Adoptable running = in_kernel();
    running.spec.node.iface.iscsi_ifacename = "second";

    const record::Node node = adopt(running);

    EXPECT_EQ(node.session.queue_depth, record::Node().session.queue_depth);
    EXPECT_EQ(node.iface.iscsi_ifacename, "second");
}

TEST_F(Adoption, WithoutARecordTheConfigurationAndWhatWasNegotiatedStandForIt) {
    defaults_.session.reopen_max = 7;
    defaults_.session.err_timeo.host_reset_timeout = 50;
    datapath::Adoptable running = in_kernel();
    record::Node& shown = running.spec.node;
    shown.conn[0].timeo.noop_out_interval = 0;
    shown.conn[0].timeo.noop_out_timeout = 0;
    shown.conn[0].iscsi.max_xmit_data_segment_length = 4096;
    shown.session.iscsi.fast_abort = false;
    shown.session.queue_depth = 8;

    const record::Node node = adopt(running);

    EXPECT_EQ(node.name, "iqn.x:disk");
    EXPECT_EQ(node.conn[0].address, "stor.test");
    EXPECT_EQ(node.conn[0].timeo.noop_out_interval, 0);
    EXPECT_EQ(node.conn[0].timeo.noop_out_timeout, 0);
    EXPECT_EQ(node.conn[0].iscsi.max_xmit_data_segment_length, 4096);
    EXPECT_FALSE(node.session.iscsi.fast_abort);
    EXPECT_EQ(node.session.queue_depth, 8);
    EXPECT_EQ(node.session.reopen_max, 7);
    EXPECT_EQ(node.session.err_timeo.host_reset_timeout, 50);
    EXPECT_EQ(node.session.timeo.replacement_timeout, 77);
    EXPECT_EQ(node.session.err_timeo.abort_timeout, 9);
    EXPECT_EQ(node.session.iscsi.first_burst_length, 8192);
    EXPECT_EQ(node.session.auth.username, "of the session");
}

TEST_F(Adoption, ADataPathThatKeepsTheRecordHasTheLastWord) {
    stored();
    datapath::Adoptable running = in_kernel();
    running.has_record = true;

    EXPECT_EQ(adopt(running), running.spec.node);
}

TEST_F(Adoption, LostSecretsComeFromTheDatabase) {
    stored();
    datapath::Adoptable running = in_kernel();
    running.has_record = true;
    running.has_secrets = false;

    const record::Node node = adopt(running);

    EXPECT_EQ(node.session.auth.username, "of the record");
    EXPECT_EQ(node.session.queue_depth, running.spec.node.session.queue_depth);
}

}  // namespace
}  // namespace iscsi::iscsid
