"""The Terraform module, property by property. Parsed, never applied: no provider is downloaded."""

import ast
import json
import re
import subprocess
import tomllib
import unittest

from common import DEPLOY, ROOT, TERRAFORM, host_settings, one, resources, statements, terraform

ANYWHERE = {"0.0.0.0/0", "::/0"}


def local(name):
    """A value of the module's locals."""
    values = [entry[name] for entry in terraform()["locals"] if name in entry]
    assert len(values) == 1, name
    return values[0][0]


def fill(template, values):
    """A template of the module with its names and its one kind of loop filled in."""
    text = (TERRAFORM / "templates" / template).read_text()
    loop = re.compile(r"%\{ for path, text in files ~\}\n(.*?)%\{ endfor ~\}\n", re.DOTALL)
    text = loop.sub(lambda m: m.group(1).replace("${path}", "/p").replace("${base64encode(text)}", "dGV4dA=="), text)
    return re.sub(r"\$\{(\w+)\}", lambda m: str(values[m.group(1)]), text)


class Versions(unittest.TestCase):
    def test_terraform_and_provider_are_bounded(self):
        block = terraform()["terraform"][0]
        self.assertIn("<", one(block, "required_version"))
        self.assertRegex(block["required_providers"][0]["aws"][0]["version"], r"^~> \d+\.\d+\.\d+$")

    def test_every_variable_and_output_is_documented(self):
        for key, body in terraform().items():
            if key.startswith(("variable.", "output.")):
                with self.subTest(key):
                    self.assertGreater(len(one(body, "description")), 15)


class Key(unittest.TestCase):
    def setUp(self):
        self.key = terraform()["resource.aws_kms_key.models"]

    def test_the_policy_is_the_measured_file_and_nothing_else(self):
        self.assertEqual(
            one(self.key, "policy"),
            "${var.kms_key_policy_file == None ? local.shut_key_policy : file(var.kms_key_policy_file)}",
        )
        self.assertFalse(resources("aws_kms_key_policy"))
        self.assertFalse(resources("aws_kms_grant"))
        self.assertFalse(resources("aws_kms_alias"))

    def first_policy(self):
        return ast.literal_eval(local("shut_key_policy").removeprefix("${jsonencode(").removesuffix(")}"))

    def test_by_hand_the_first_policy_is_the_same(self):
        text = (DEPLOY / "kms" / "first-policy.json").read_text()
        for role, variable in (("kms-admin", "kms_admin_arn"), ("sealer", "kms_sealer_arn")):
            text = text.replace(f"arn:aws:iam::111122223333:role/{role}", f"${{var.{variable}}}")
        self.assertEqual(json.loads(text), self.first_policy())

    def test_its_administrator_may_do_what_that_of_the_measured_policy_may(self):
        source = (ROOT / "enclave/kms/src/policy.rs").read_text()
        listed = re.search(r"const ADMIN_ACTIONS: \[&str; \d+\] = \[(.*?)\];", source, re.DOTALL).group(1)
        self.assertEqual(re.findall(r'"(kms:\w+)"', listed), self.first_policy()["Statement"][0]["Action"])

    def test_under_the_first_policy_nobody_decrypts(self):
        policy = self.first_policy()
        denied = [a for s in policy["Statement"] if s["Effect"] == "Deny" for a in s["Action"]]
        allowed = [a for s in policy["Statement"] if s["Effect"] == "Allow" for a in s["Action"]]
        self.assertEqual(sorted(denied), ["kms:CreateGrant", "kms:Decrypt", "kms:ReEncrypt*"])
        self.assertFalse([a for a in allowed if "*" in a or a in denied])
        for statement in policy["Statement"]:
            self.assertEqual(statement["Principal"] == "*", statement["Effect"] == "Deny")

    def test_the_lockout_check_stays_on_and_the_author_is_the_administrator(self):
        self.assertIs(one(self.key, "bypass_policy_lockout_safety_check"), False)
        conditions = [one(p, "condition") for p in self.key["lifecycle"][0]["precondition"]]
        self.assertIn("${data.aws_iam_session_context.caller.issuer_arn == var.kms_admin_arn}", conditions)

    def test_the_key_is_not_deleted_by_accident_and_is_of_one_region(self):
        self.assertIs(one(self.key["lifecycle"][0], "prevent_destroy"), True)
        self.assertEqual(one(self.key, "deletion_window_in_days"), 30)
        self.assertIs(one(self.key, "multi_region"), False)
        self.assertIs(one(self.key, "enable_key_rotation"), True)


class Instance(unittest.TestCase):
    def setUp(self):
        self.host = terraform()["resource.aws_instance.host"]

    def test_enclaves_are_on(self):
        self.assertIs(one(self.host["enclave_options"][0], "enabled"), True)

    def test_metadata_version_2_and_one_hop(self):
        options = self.host["metadata_options"][0]
        self.assertEqual(one(options, "http_tokens"), "required")
        self.assertEqual(one(options, "http_put_response_hop_limit"), 1)

    def test_no_public_address_no_ssh_key_encrypted_disk(self):
        self.assertIs(one(self.host, "associate_public_ip_address"), False)
        self.assertNotIn("key_name", self.host)
        self.assertIs(one(self.host["root_block_device"][0], "encrypted"), True)

    def test_no_replica_starts_before_the_policy_is_measured(self):
        conditions = [one(p, "condition") for p in self.host["lifecycle"][0]["precondition"]]
        self.assertIn("${var.kms_key_arn != None || var.kms_key_policy_file != None}", conditions)

    def test_replicas_are_named_so_that_a_hand_over_has_both_images(self):
        self.assertEqual(one(self.host, "for_each"), "${var.replicas}")

    def test_what_is_installed_by_hand_is_what_is_installed_here(self):
        for text in local("unit_files").values():
            path = re.search(r"\$\{path\.module\}/([^\"]+)", text).group(1)
            self.assertTrue((TERRAFORM / path).is_file(), path)

    def test_the_first_script_is_a_script_and_checks_what_it_fetches(self):
        values = {"artifacts": "s3://b/artifacts", "region": "eu-central-1", "host_sha256": "h", "eif_sha256": "e"}
        text = fill("user-data.sh.tftpl", values)
        done = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True)
        self.assertEqual(done.stderr, "")
        self.assertLess(text.index("sha256sum --check"), text.index("install -D"))
        self.assertIn("set -euo pipefail", text)

    def test_settings_are_the_hosts(self):
        names = re.findall(r"\$\{(\w+)\}", (TERRAFORM / "templates/host.toml.tftpl").read_text())
        settings = tomllib.loads(fill("host.toml.tftpl", {name: 7 for name in names} | {"cors_origins": '["https://a"]'}))
        self.assertEqual(settings["cors_origins"], ["https://a"])
        self.assertEqual(set(settings) - host_settings(), set())
        self.assertNotIn("--debug-mode", settings["enclave_start"])
        self.assertNotIn("metrics", settings)
        unit = (DEPLOY / "systemd" / "strongroom-host.service").read_text()
        self.assertIn(f"StateDirectory={settings['state_dir'].removeprefix('/var/lib/')}\n", unit)


class Role(unittest.TestCase):
    def test_three_statements_and_no_wildcard(self):
        allowed = {sid: s["actions"][0] for sid, s in statements("host").items()}
        self.assertEqual(
            allowed,
            {"ReadStore": ["s3:GetObject"], "SeeWhatIsMissing": ["s3:ListBucket"], "AskTheKey": ["kms:Decrypt"]},
        )
        for statement in statements("host").values():
            self.assertNotIn("*", statement["resources"][0])

    def test_ec2_alone_takes_the_role(self):
        trust = terraform()["data.aws_iam_policy_document.host_trust"]["statement"]
        self.assertEqual(len(trust), 1)
        self.assertEqual(trust[0]["principals"][0]["identifiers"], [["ec2.amazonaws.com"]])

    def test_the_shell_is_off_by_default(self):
        self.assertIs(one(terraform()["variable.session_manager"], "default"), False)


class Network(unittest.TestCase):
    def test_rules_one_by_one(self):
        ingress = {n: one(b, "security_group_id") for n, b in resources("aws_vpc_security_group_ingress_rule").items()}
        egress = {n: one(b, "security_group_id") for n, b in resources("aws_vpc_security_group_egress_rule").items()}
        self.assertEqual(
            ingress,
            {
                "clients": "${aws_security_group.load_balancer.id}",
                "host_from_load_balancer": "${aws_security_group.host.id}",
                "endpoints_from_host": "${aws_security_group.endpoints.id}",
            },
        )
        self.assertEqual(
            egress,
            {
                "load_balancer_to_host": "${aws_security_group.load_balancer.id}",
                "host_to_endpoints": "${aws_security_group.host.id}",
                "host_to_s3": "${aws_security_group.host.id}",
            },
        )

    def test_nothing_is_open_to_everybody(self):
        for type_ in ("aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule"):
            for name, rule in resources(type_).items():
                with self.subTest(name):
                    self.assertEqual(one(rule, "ip_protocol"), "tcp")
                    self.assertNotIn(str(rule.get("cidr_ipv4", [""])[0]), ANYWHERE)
                    self.assertNotIn("cidr_ipv6", rule)
                    self.assertEqual(rule["from_port"], rule["to_port"])
        for name, group in resources("aws_security_group").items():
            self.assertFalse({"ingress", "egress"} & set(group), f"rules inside {name}")

    def test_clients_have_no_default(self):
        self.assertNotIn("default", terraform()["variable.client_cidrs"])

    def test_the_kms_endpoint_serves_one_role_one_action_one_key(self):
        endpoint = terraform()["resource.aws_vpc_endpoint.kms"]
        self.assertIs(one(endpoint, "private_dns_enabled"), True)
        self.assertEqual(one(endpoint, "policy"), "${data.aws_iam_policy_document.kms_endpoint.json}")
        (statement,) = statements("kms_endpoint").values()
        self.assertEqual(one(statement, "actions"), ["kms:Decrypt"])
        self.assertEqual(one(statement, "resources"), ["${local.key_arn}"])
        self.assertEqual(statement["principals"][0]["identifiers"], [["${aws_iam_role.host.arn}"]])

    def test_the_s3_endpoint_reads_the_store_and_the_systems_packages(self):
        for sid, statement in statements("s3_endpoint").items():
            with self.subTest(sid):
                self.assertLessEqual(set(one(statement, "actions")), {"s3:GetObject", "s3:ListBucket"})
                self.assertNotIn("*", one(statement, "resources"))


class Bucket(unittest.TestCase):
    def test_nothing_is_public(self):
        block = terraform()["resource.aws_s3_bucket_public_access_block.store"]
        for name in ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"):
            self.assertIs(one(block, name), True)
        rule = terraform()["resource.aws_s3_bucket_ownership_controls.store"]["rule"][0]
        self.assertEqual(one(rule, "object_ownership"), "BucketOwnerEnforced")

    def test_versions_and_encryption(self):
        versioning = terraform()["resource.aws_s3_bucket_versioning.store"]["versioning_configuration"][0]
        self.assertEqual(one(versioning, "status"), "Enabled")
        self.assertIn("resource.aws_s3_bucket_server_side_encryption_configuration.store", terraform())

    def test_the_policy_only_denies(self):
        policy = statements("store")
        self.assertEqual(set(policy), {"DenyPlainHttp", "DenyOldTls", "DenyHostsToWrite"})
        for statement in policy.values():
            self.assertEqual(one(statement, "effect"), "Deny")
        plain = policy["DenyPlainHttp"]["condition"][0]
        self.assertEqual((one(plain, "variable"), one(plain, "values")), ("aws:SecureTransport", ["false"]))
        self.assertEqual(one(policy["DenyHostsToWrite"], "not_actions"), ["s3:GetObject", "s3:ListBucket"])


class LoadBalancer(unittest.TestCase):
    def setUp(self):
        self.group = terraform()["resource.aws_lb_target_group.host"]

    def test_layer_4_across_zones_and_protected(self):
        balancer = terraform()["resource.aws_lb.edge"]
        self.assertEqual(one(balancer, "load_balancer_type"), "network")
        self.assertIs(one(balancer, "enable_cross_zone_load_balancing"), True)
        self.assertTrue(one(balancer, "security_groups"))

    def test_no_affinity(self):
        self.assertIs(one(self.group["stickiness"][0], "enabled"), False)

    def test_readiness_decides_and_draining_is_long_enough(self):
        check = self.group["health_check"][0]
        self.assertEqual((one(check, "path"), one(check, "protocol")), ("/readyz", "HTTP"))
        notices = one(check, "interval") * one(check, "unhealthy_threshold")
        drain = terraform()["variable.drain_delay_s"]
        self.assertGreaterEqual(one(drain, "default"), notices)
        self.assertIn(f">= {notices}", one(drain["validation"][0], "condition"))
        self.assertEqual(one(self.group, "deregistration_delay"), "${var.drain_delay_s + 60}")

    def test_a_certificate_keeps_http_2(self):
        listener = terraform()["resource.aws_lb_listener.edge"]
        self.assertIn("HTTP2Preferred", one(listener, "alpn_policy"))
        self.assertIn("TLS13", one(listener, "ssl_policy"))


if __name__ == "__main__":
    unittest.main()
