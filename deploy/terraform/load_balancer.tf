# A layer-4 load balancer without affinity. A client's hello and its session share one HTTP/2 connection and so meet one
# host; a lost connection costs a 421 and one new attestation.

locals {
  ends_tls      = var.certificate_arn != null
  listener_port = local.ends_tls ? 443 : 80
}

resource "aws_lb" "edge" {
  #checkov:skip=CKV_AWS_91:access logs of a network load balancer exist for TLS listeners alone and hold addresses of clients; turning them on is the operator's decision
  name                             = "${var.name}-edge"
  load_balancer_type               = "network"
  internal                         = var.internal
  subnets                          = var.subnet_ids
  security_groups                  = [aws_security_group.load_balancer.id]
  enable_cross_zone_load_balancing = true
  enable_deletion_protection       = var.deletion_protection
  tags                             = var.tags
}

resource "aws_lb_target_group" "host" {
  name        = "${var.name}-host"
  vpc_id      = var.vpc_id
  target_type = "instance"
  protocol    = "TCP"
  port        = var.host_port
  tags        = var.tags

  # The host has no use for clients' addresses.
  preserve_client_ip     = false
  connection_termination = false
  deregistration_delay   = var.drain_delay_s + 60

  stickiness {
    type    = "source_ip"
    enabled = false
  }

  health_check {
    protocol            = "HTTP"
    path                = "/readyz"
    port                = "traffic-port"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "edge" {
  load_balancer_arn = aws_lb.edge.arn
  port              = local.listener_port
  protocol          = local.ends_tls ? "TLS" : "TCP"
  certificate_arn   = var.certificate_arn
  ssl_policy        = local.ends_tls ? "ELBSecurityPolicy-TLS13-1-2-2021-06" : null
  # Without it pages and Node may fall back to HTTP/1.1, and their hello and session could meet different hosts. Other clients
  # speak HTTP/2 alone.
  alpn_policy = local.ends_tls ? "HTTP2Preferred" : null
  tags        = var.tags

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.host.arn
  }
}

resource "aws_lb_target_group_attachment" "host" {
  for_each = aws_instance.host

  target_group_arn = aws_lb_target_group.host.arn
  target_id        = each.value.id
  port             = var.host_port
}
