output "kms_key_arn" {
  description = "Key of the packages: for `strongroom charter --kms-key`."
  value       = local.key_arn
}

output "host_role_arn" {
  description = "Role of the hosts: for `strongroom measure --kms-policy --enclave-role`."
  value       = aws_iam_role.host.arn
}

output "store" {
  description = "Where charter.cose, release.bundle and packages/ belong."
  value       = "s3://${aws_s3_bucket.store.id}/${local.store_prefix}"
}

output "artifacts" {
  description = "Where strongroom-host and the image belong, each under its SHA-256 as its name."
  value       = "s3://${aws_s3_bucket.store.id}/${local.artifact_prefix}"
}

output "endpoint" {
  description = "Name and port for clients; with a certificate, point a name of yours to it."
  value       = "${aws_lb.edge.dns_name}:${local.listener_port}"
}
