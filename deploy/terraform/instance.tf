# One instance per replica, one enclave per instance. Replicas share no secret: each gets the models from KMS by its
# own attestation.

resource "aws_instance" "host" {
  #checkov:skip=CKV_AWS_126:the host's own metrics carry what matters; detailed monitoring is a matter of cost
  for_each = var.replicas

  ami                         = var.ami_id
  instance_type               = var.instance_type
  subnet_id                   = each.value.subnet_id
  vpc_security_group_ids      = [aws_security_group.host.id]
  iam_instance_profile        = aws_iam_instance_profile.host.name
  associate_public_ip_address = false
  ebs_optimized               = true
  user_data_base64            = base64gzip(local.user_data[each.key])
  user_data_replace_on_change = true
  tags                        = merge(var.tags, { Name = "${var.name}-${each.key}" })

  enclave_options {
    enabled = true
  }

  # Version 2 alone, and no further than this machine: nothing in a container or behind a proxy gets the role.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "disabled"
  }

  root_block_device {
    volume_type = "gp3"
    volume_size = 20
    encrypted   = true
    tags        = merge(var.tags, { Name = "${var.name}-${each.key}" })
  }

  lifecycle {
    create_before_destroy = true

    precondition {
      condition     = var.kms_key_arn != null || var.kms_key_policy_file != null
      error_message = "kms_key_policy_file must be set before replicas start: under the first policy of the key nobody can decrypt."
    }
    precondition {
      condition     = contains(var.subnet_ids, each.value.subnet_id)
      error_message = "subnet_id of a replica must be one of subnet_ids: the load balancer and the endpoints are there."
    }
  }

  depends_on = [
    aws_iam_role_policy.host,
    aws_s3_bucket_policy.store,
    aws_vpc_endpoint.kms,
    aws_vpc_security_group_egress_rule.host_to_endpoints,
    aws_vpc_security_group_egress_rule.host_to_s3,
  ]
}

locals {
  # The very files that somebody without Terraform installs by hand.
  unit_files = {
    "/etc/systemd/system/strongroom-host.service" = file("${path.module}/../systemd/strongroom-host.service")
    "/etc/sysusers.d/strongroom.conf"             = file("${path.module}/../systemd/sysusers.conf")
    "/etc/tmpfiles.d/strongroom.conf"             = file("${path.module}/../systemd/tmpfiles.conf")
  }

  host_toml = templatefile("${path.module}/templates/host.toml.tftpl", {
    bucket        = aws_s3_bucket.store.id
    cors_origins  = jsonencode(var.cors_origins)
    cpus          = var.enclave_cpus
    drain_delay_s = var.drain_delay_s
    memory_mib    = var.enclave_memory_mib
    port          = var.host_port
    region        = local.region
    store_prefix  = local.store_prefix
  })

  allocator_yaml = templatefile("${path.module}/templates/allocator.yaml.tftpl", {
    cpus       = var.enclave_cpus
    memory_mib = var.enclave_memory_mib
  })

  user_data = {
    for name, replica in var.replicas : name => templatefile("${path.module}/templates/user-data.sh.tftpl", {
      artifacts   = "s3://${aws_s3_bucket.store.id}/${local.artifact_prefix}"
      eif_sha256  = replica.eif_sha256
      host_sha256 = replica.host_sha256
      region      = local.region
      files = merge(local.unit_files, {
        "/etc/nitro_enclaves/allocator.yaml" = local.allocator_yaml
        "/etc/strongroom/host.toml"          = local.host_toml
      })
    })
  }
}
